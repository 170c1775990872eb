//! The errors under those of an application's own transport, with the secrets masked.
//!
//! HTTP libraries put whole URLs into their messages. Such errors are therefore not kept as they
//! are: the text of each link of the chain is copied with every known secret masked. The errors of
//! the transport that ships need no masking, since they are built from parts without secrets.

use std::error::Error;
use std::fmt;

use crate::secret::{MASK, SHOWN, mask};

/// One link of a redacted error chain.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    message: String,
    next: Option<Box<Cause>>,
}

impl Cause {
    /// Returns the message of the last link.
    pub(crate) fn root(&self) -> &str {
        let mut link = self;
        while let Some(next) = &link.next {
            link = next;
        }
        &link.message
    }

    /// Copies an error and its sources, masking the given secrets.
    pub(crate) fn copy(error: &(dyn Error + 'static), secrets: &Secrets) -> Self {
        Self::copy_links(error, secrets, MAX_LINKS)
    }

    fn copy_links(error: &(dyn Error + 'static), secrets: &Secrets, left: usize) -> Self {
        let next = error.source().filter(|_| left > 0);
        Self {
            message: secrets.scrub(&error.to_string()),
            next: next.map(|next| Box::new(Self::copy_links(next, secrets, left - 1))),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.next.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

/// The secrets that must not survive in a copied message.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// Adds a secret. A short one is left out: it would match parts of other words.
    pub(crate) fn add(&mut self, secret: &str) {
        if secret.chars().count() >= SHORTEST && !self.0.iter().any(|known| known == secret) {
            self.0.push(secret.to_owned());
        }
    }

    /// Replaces each secret in `text` by its masked form, the longest first. Of a text that was
    /// cut within a secret, what is left of the secret goes, too.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let mut ordered: Vec<&String> = self.0.iter().collect();
        ordered.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let mut text = ordered
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), &mask(secret)));
        let longest = ordered.iter().map(|secret| cut_at_end(&text, secret)).max().unwrap_or(0);
        if longest > 0 {
            text.truncate(text.len() - longest);
            text.push_str(MASK);
        }
        text
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

/// Counts the bytes at the end of `text` that are the beginning of `secret`, if they are more than
/// a mask shows.
fn cut_at_end(text: &str, secret: &str) -> usize {
    let beginnings = secret.char_indices().map(|(at, _)| at).skip(SHOWN + 1);
    let is_at_end = |at: &usize| secret.get(..*at).is_some_and(|part| text.ends_with(part));
    beginnings.filter(is_at_end).last().unwrap_or(0)
}

/// A chain longer than this is cut: a source may be cyclic by mistake.
const MAX_LINKS: usize = 16;

/// Secrets shorter than this are not searched for.
const SHORTEST: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Link(&'static str, Option<Box<Link>>);

    impl fmt::Display for Link {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Link {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|link| link as _)
        }
    }

    #[test]
    fn every_link_is_scrubbed() {
        let error = Link(
            "GET https://h/api/v1/config/1001/2002?debug_token=tok-123456789",
            Some(Box::new(Link("key 1001/2002 was refused", None))),
        );
        let mut secrets = Secrets::default();
        secrets.add("");
        secrets.add("e");
        secrets.add("1001/2002");
        secrets.add("tok-123456789");
        let cause = Cause::copy(&error, &secrets);
        assert_eq!(
            cause.to_string(),
            "GET https://h/api/v1/config/1001****2002?debug_token=tok-****6789"
        );
        let next = cause.source().expect("the second link");
        assert_eq!(next.to_string(), "key 1001****2002 was refused");
        assert!(next.source().is_none());
    }

    #[test]
    fn a_secret_that_was_cut_off_is_masked_as_well() {
        let mut secrets = Secrets::default();
        secrets.add("1001/2002");
        secrets.add("tök-123456789");
        for (text, expected) in [
            ("no project 1001/200", "no project ****"),
            ("no project 1001/", "no project ****"),
            ("no project 1001", "no project 1001"),
            ("token tök-12345678", "token ****"),
            ("token tök-123456789", "token tök-****6789"),
            ("token tök-1 and more", "token tök-1 and more"),
        ] {
            assert_eq!(secrets.scrub(text), expected);
        }
    }
}

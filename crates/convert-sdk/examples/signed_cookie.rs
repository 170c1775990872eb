//! Visitor records in the visitor's own cookie: signed, limited in size, and never trusted.
//!
//! ```sh
//! cargo run -p convert-sdk --example signed_cookie
//! ```
//!
//! The server remembers nothing, so any number of machines may answer the same visitor, and the SDK
//! does no I/O. A cookie that was changed, belongs to another visitor or is too long is refused, and
//! the visitor decided anew. What a cookie cannot give is a goal that counts once although the visitor
//! sends an older cookie again: for that, keep records in a store.
//!
//! The record is signed, not encrypted: the visitor can read it. Set the cookie with `HttpOnly`,
//! `Secure`, `SameSite=Lax` and a `Max-Age`.

use std::error::Error;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use convert_sdk::{Core, SdkConfig, VisitorRecord, attributes};
use hmac_sha256::HMAC;

fn main() -> Result<(), Box<dyn Error>> {
    let core = Core::initialize(SdkConfig::from_json(CONFIG)?)?;
    // From the application's secrets, the same on all machines.
    let cookies = Cookies::new(b"32 bytes of real randomness here", "shop");

    // The first request comes without a cookie.
    let (shown, cookie) = serve(&core, &cookies, "visitor-001", None)?;
    let cookie = cookie.ok_or("a short record fits into a cookie")?;
    println!("first request:  shows {shown}, sets {cookie}");

    // The next one, on whatever machine, brings it along.
    let (again, next) = serve(&core, &cookies, "visitor-001", Some(&cookie))?;
    let cookie = next.unwrap_or(cookie);
    println!("second request: shows {again}");

    // Somebody would like another variation.
    let forged = cookie.replacen(|first: char| first.is_alphabetic(), "_", 1);
    match cookies.open("visitor-001", &forged) {
        Ok(_) => Err("a forged cookie was taken".into()),
        Err(refused) => {
            println!("a forged one:   {refused}");
            Ok(())
        }
    }
}

/// Answers a request: what is shown, and the cookie to set; `None` where the visitor's record has grown
/// too long for one, so that the visitor keeps the cookie of before.
fn serve(
    core: &Core,
    cookies: &Cookies,
    visitor_id: &str,
    cookie: Option<&str>,
) -> Result<(String, Option<String>), Box<dyn Error>> {
    let record = match cookie.map(|cookie| cookies.open(visitor_id, cookie)) {
        Some(Ok(record)) => record,
        // A visitor without a cookie, or with a bad one, is a new one.
        Some(Err(_)) | None => VisitorRecord::new(),
    };
    let visitor = core
        .create_context(visitor_id)
        .with_record(record)
        .with_attributes(attributes! { "country" => "DE" });
    let hero = visitor.run_experience("hero").ok_or("everybody takes part")?;
    let sealed = cookies.seal(visitor_id, &visitor.visitor_record());
    let cookie = sealed.inspect_err(|refused| eprintln!("not remembered: {refused}")).ok();
    Ok((hero.variation_key().to_owned(), cookie))
}

/// Makes and reads cookies.
struct Cookies {
    key: Vec<u8>,
    /// What the records are for, so that one key may serve several projects.
    purpose: String,
}

impl Cookies {
    fn new(key: &[u8], purpose: &str) -> Self {
        Cookies { key: key.to_vec(), purpose: purpose.to_owned() }
    }

    /// Writes a record as `signature.record`, both in a form that a cookie may hold.
    fn seal(&self, visitor_id: &str, record: &VisitorRecord) -> Result<String, Refused> {
        let text = serde_json::to_vec(record).map_err(|_| Refused("cannot be written"))?;
        let signature = HMAC::mac(self.message(visitor_id, &text), &self.key);
        let cookie = [URL_SAFE_NO_PAD.encode(signature), URL_SAFE_NO_PAD.encode(text)].join(".");
        // Browsers drop a cookie that is too long without a word.
        if cookie.len() > MOST_BYTES { Err(Refused("is too long")) } else { Ok(cookie) }
    }

    /// Reads a record back; only what was made here for this visitor comes through.
    fn open(&self, visitor_id: &str, cookie: &str) -> Result<VisitorRecord, Refused> {
        if cookie.len() > MOST_BYTES {
            return Err(Refused("is too long"));
        }
        let (signature, text) = cookie.split_once('.').ok_or(Refused("is no cookie of ours"))?;
        let decode = |text| URL_SAFE_NO_PAD.decode(text).map_err(|_| Refused("is no base64"));
        let (signature, text) = (decode(signature)?, decode(text)?);
        let signature: [u8; 32] =
            signature.try_into().map_err(|_| Refused("has a short signature"))?;
        // Compares in constant time, before anything else looks at the text.
        if !HMAC::verify(self.message(visitor_id, &text), &self.key, &signature) {
            return Err(Refused("was not made here for this visitor"));
        }
        serde_json::from_slice(&text).map_err(|_| Refused("holds no record"))
    }

    /// What is signed: the record, whose it is, and what it is for. The lengths keep them apart.
    fn message(&self, visitor_id: &str, text: &[u8]) -> Vec<u8> {
        let length = |part: &str| u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes();
        let of = [&length(&self.purpose)[..], self.purpose.as_bytes(), &length(visitor_id)];
        [&of.concat(), visitor_id.as_bytes(), text].concat()
    }
}

/// Why a cookie is not used.
#[derive(Debug, PartialEq, Eq)]
struct Refused(&'static str);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the cookie {}", self.0)
    }
}

impl Error for Refused {}

/// What browsers keep, less the cookie's name and its settings.
const MOST_BYTES: usize = 3_800;

const CONFIG: &str = r#"{"account_id": "1", "project": {"id": "2"},
    "experiences": [{"id": "3", "key": "hero", "variations": [
        {"id": "30", "key": "blue", "traffic_allocation": 50},
        {"id": "31", "key": "green", "traffic_allocation": 50}]}]}"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies() -> Cookies {
        Cookies::new(b"a key for tests", "tests")
    }

    fn record() -> VisitorRecord {
        serde_json::from_str(r#"{"bucketing":{"3":"31"},"theirs":1}"#).unwrap()
    }

    #[test]
    fn the_record_in_a_cookie_decides() {
        let core = Core::initialize(SdkConfig::from_json(CONFIG).unwrap()).unwrap();
        for (variation, key) in [("30", "blue"), ("31", "green")] {
            let mut record = record();
            record.assign("3", variation);
            let cookie = cookies().seal("v", &record).unwrap();
            let (shown, next) = serve(&core, &cookies(), "v", Some(&cookie)).unwrap();
            assert_eq!(shown, key);
            let kept = cookies().open("v", &next.unwrap()).unwrap();
            assert_eq!(kept.assignment("3"), Some(variation));
            assert!(serde_json::to_string(&kept).unwrap().contains("theirs"));
        }
        // The process itself remembers nothing of the visitor.
        assert!(core.create_context("v").visitor_record().is_empty());
    }

    #[test]
    fn every_tampered_cookie_is_refused() {
        let cookie = cookies().seal("v", &record()).unwrap();
        assert_eq!(cookies().open("v", &cookie), Ok(record()));
        for at in 0..cookie.len() {
            for other in ["A", "B", ".", ""] {
                let mut tampered = cookie.clone();
                tampered.replace_range(at..=at, other);
                if tampered != cookie {
                    assert!(cookies().open("v", &tampered).is_err(), "{at} {other}");
                }
            }
        }
        assert!(cookies().open("w", &cookie).is_err());
        assert!(Cookies::new(b"another key", "tests").open("v", &cookie).is_err());
        assert!(Cookies::new(b"a key for tests", "shop").open("v", &cookie).is_err());
        assert!(cookies().open("v", "").is_err());
    }

    #[test]
    fn a_cookie_that_is_too_long_is_neither_made_nor_read() {
        let mut large = record();
        for number in 0..200 {
            large.reach(&format!("a-goal-with-a-long-name-{number}"));
        }
        assert_eq!(cookies().seal("v", &large), Err(Refused("is too long")));
        assert_eq!(cookies().open("v", &"A".repeat(1 << 20)), Err(Refused("is too long")));
    }

    #[test]
    fn a_visitor_whose_record_has_no_room_for_more_is_still_shown_something() {
        let core = Core::initialize(SdkConfig::from_json(CONFIG).unwrap()).unwrap();
        let mut record = VisitorRecord::new();
        let mut full = cookies().seal("v", &record).unwrap();
        for number in 0.. {
            record.reach(&format!("g{number}"));
            match cookies().seal("v", &record) {
                Ok(longer) => full = longer,
                Err(_) => break,
            }
        }
        for _ in 0..2 {
            let (shown, cookie) = serve(&core, &cookies(), "v", Some(&full)).unwrap();
            assert!(["blue", "green"].contains(&&*shown) && cookie.is_none());
        }
    }
}

//! One Rust file as the rules see it: its lines, its functions, and which of them are tests.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::mask::Masked;

/// A parsed Rust file.
pub(super) struct RustFile {
    /// Its path from the workspace's root.
    pub(super) path: String,
    /// Its lines, the first one first.
    pub(super) lines: Vec<Line>,
    /// Its functions with bodies, in no particular order.
    pub(super) functions: Vec<Function>,
    /// The syntax, or where and why it does not parse.
    pub(super) syntax: Result<syn::File, (usize, String)>,
}

/// One line of a Rust file.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// What is code, with literals made unreadable.
    pub(super) code: String,
    /// What is comment or documentation.
    pub(super) comment: String,
    /// Whether only tests are made from it.
    pub(super) test: bool,
}

impl Line {
    /// Tells whether there is code on the line.
    pub(super) fn is_code(&self) -> bool {
        !self.code.trim().is_empty()
    }

    /// Tells whether the line is nothing but a comment that is no documentation.
    pub(super) fn is_remark(&self) -> bool {
        let comment = self.comment.trim_start();
        let documentation = comment.starts_with("///") || comment.starts_with("//!");
        !self.is_code() && comment.starts_with("//") && !documentation
    }
}

/// One function with a body.
#[derive(Debug)]
pub(super) struct Function {
    /// Its name.
    pub(super) name: String,
    /// The line of its `fn`, from 1.
    pub(super) line: usize,
    /// Its lines of code, signature and braces included.
    pub(super) length: usize,
    /// Whether only tests are made from it.
    pub(super) test: bool,
}

impl RustFile {
    /// Reads a file from its text.
    pub(super) fn new(path: &str, text: &str) -> Self {
        let masked = Masked::of(text);
        let mut lines: Vec<Line> = masked
            .code
            .lines()
            .zip(masked.comments.lines())
            .map(|(code, comment)| Line {
                code: code.to_owned(),
                comment: comment.to_owned(),
                test: is_test_path(path),
            })
            .collect();
        let syntax =
            syn::parse_file(text).map_err(|error| (error.span().start().line, error.to_string()));
        let mut functions = Vec::new();
        if let Ok(file) = &syntax {
            let mut outline = Outline::default();
            outline.visit_file(file);
            for (first, last) in outline.tests {
                lines.iter_mut().take(last).skip(first - 1).for_each(|line| line.test = true);
            }
            for (name, first, last) in outline.functions {
                let body = || lines.iter().take(last).skip(first - 1);
                let length = body().filter(|line| line.is_code()).count();
                let tested = body().all(|line| line.test);
                functions.push(Function { name, line: first, length, test: tested });
            }
        }
        Self { path: path.to_owned(), lines, functions, syntax }
    }

    /// Counts the lines of code outside tests.
    pub(super) fn code_lines(&self) -> usize {
        self.lines.iter().filter(|line| line.is_code() && !line.test).count()
    }

    /// Yields the lines with their numbers, tests left out.
    pub(super) fn shipped(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.numbered().filter(|(_, line)| !line.test)
    }

    /// Yields all lines with their numbers.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.lines.iter().enumerate().map(|(at, line)| (at + 1, line))
    }

    /// Tells whether the whole file is test code by its place.
    pub(super) fn is_test(&self) -> bool {
        is_test_path(&self.path)
    }
}

/// Tells whether an item's attributes make it test code.
pub(super) fn is_test_item(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        if path.is_ident("test") {
            return true;
        }
        let syn::Meta::List(list) = &attribute.meta else { return false };
        let words = list.tokens.to_string();
        let mut words = words.split(|character: char| !character.is_alphanumeric());
        path.is_ident("cfg")
            && words.clone().any(|word| word == "test")
            && words.all(|word| word != "not")
    })
}

fn is_test_path(path: &str) -> bool {
    path.ends_with("/tests.rs")
        || path.split('/').any(|part| matches!(part, "tests" | "benches" | "fuzz"))
}

/// The line ranges that the rules need, both ends included, from 1.
#[derive(Default)]
struct Outline {
    functions: Vec<(String, usize, usize)>,
    tests: Vec<(usize, usize)>,
}

impl Outline {
    fn function(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let first = signature.span().start().line;
        let last = body.span().end().line;
        self.functions.push((signature.ident.to_string(), first, last));
    }

    fn tested(&mut self, attributes: &[syn::Attribute], item: &impl Spanned) {
        if is_test_item(attributes) {
            let span = item.span();
            self.tests.push((span.start().line, span.end().line));
        }
    }
}

impl<'ast> Visit<'ast> for Outline {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.tested(&item.attrs, item);
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.tested(&item.attrs, item);
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.sig, body);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.tested(&item.attrs, item);
        visit::visit_item_mod(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.tested(&item.attrs, item);
        visit::visit_item_impl(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.tested(&item.attrs, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tested(&item.attrs, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_blanks_and_comments_are_not_code_lines() {
        let text = "//! A.\n\n/// B.\nfn b() {\n    // C.\n    let d = \"\n    e\";\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn f() {}\n}\n";
        let file = RustFile::new("crates/a/src/lib.rs", text);
        assert_eq!(file.code_lines(), 4);
        let lengths: Vec<_> =
            file.functions.iter().map(|it| (it.name.as_str(), it.length, it.test)).collect();
        assert_eq!(lengths, [("b", 4, false), ("f", 1, true)]);
    }

    #[test]
    fn code_for_anything_but_tests_is_no_test() {
        let text = "#[cfg(not(test))]\nfn a() {}\n#[cfg(all(test, unix))]\nfn b() {}\n";
        let file = RustFile::new("crates/a/src/lib.rs", text);
        assert_eq!(file.code_lines(), 2);
    }

    #[test]
    fn a_file_among_the_tests_is_a_test() {
        assert_eq!(RustFile::new("tests/tests/a.rs", "fn a() {}").code_lines(), 0);
    }
}

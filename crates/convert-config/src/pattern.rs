//! stub
#![allow(missing_docs)]
#[derive(Debug, Clone)]
pub struct Pattern(regex::Regex);
impl PartialEq for Pattern {
    fn eq(&self, o: &Self) -> bool {
        self.0.as_str() == o.0.as_str()
    }
}
impl Pattern {
    pub fn compile(s: &str) -> Result<Self, String> {
        regex::RegexBuilder::new(s)
            .case_insensitive(true)
            .build()
            .map(Pattern)
            .map_err(|e| e.to_string())
    }
    pub fn is_match(&self, t: &str) -> Result<bool, ()> {
        Ok(self.0.is_match(t))
    }
}

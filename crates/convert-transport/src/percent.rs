//! Percent-encoding of query values.

/// Appends `value` with everything but RFC 3986's unreserved characters percent-encoded.
pub(crate) fn push_encoded(out: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(hex_digit(byte >> 4));
            out.push(hex_digit(byte & 0x0f));
        }
    }
}

/// Decodes `%XX` escapes; `None` when an escape is broken or the result is not UTF-8.
pub(crate) fn decode(value: &str) -> Option<String> {
    let mut bytes = value.bytes();
    let mut out = Vec::with_capacity(value.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            out.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

fn hex_digit(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_everything_but_the_unreserved_and_decodes_back() {
        let value = "a-b._~ &=+/?#%ä\u{1F600}";
        let mut out = String::new();
        push_encoded(&mut out, value);
        assert_eq!(out, "a-b._~%20%26%3D%2B%2F%3F%23%25%C3%A4%F0%9F%98%80");
        assert_eq!(decode(&out).as_deref(), Some(value));
    }

    #[test]
    fn broken_escapes_do_not_decode() {
        for value in ["%", "%4", "%zz", "%ff", "%+1"] {
            assert_eq!(decode(value), None, "{value}");
        }
    }
}

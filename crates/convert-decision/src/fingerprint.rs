//! Standing in for a visitor where their id must not appear.

/// Returns what stands for a visitor in explanations, events and logs: the first 16 hexadecimal
/// digits of the id's SHA-256.
///
/// ```
/// use convert_decision::visitor_fingerprint;
///
/// assert_eq!(visitor_fingerprint("visitor-1"), visitor_fingerprint("visitor-1"));
/// assert_eq!(visitor_fingerprint("visitor-1").len(), 16);
/// ```
pub fn visitor_fingerprint(visitor_id: &str) -> String {
    let digest = hmac_sha256::Hash::hash(visitor_id.as_bytes());
    let (head, _) = digest.split_first_chunk().unwrap_or((&[0; 8], &[]));
    format!("{:016x}", u64::from_be_bytes(*head))
}

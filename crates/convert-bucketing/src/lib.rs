//! stub
#![allow(missing_docs, clippy::all, clippy::pedantic, missing_debug_implementations)]
pub const fn murmur3_32(b: &[u8], seed: u32) -> u32 {
    let mut h = seed;
    let mut i = 0;
    while i + 4 <= b.len() {
        let mut k = u32::from_le_bytes([b[i], b[i + 1], b[i + 2], b[i + 3]]);
        k = k.wrapping_mul(0xcc9e2d51).rotate_left(15).wrapping_mul(0x1b873593);
        h ^= k;
        h = h.rotate_left(13).wrapping_mul(5).wrapping_add(0xe6546b64);
        i += 4;
    }
    let mut k = 0u32;
    let mut j = b.len();
    while j > i {
        j -= 1;
        k = (k << 8) | b[j] as u32;
    }
    if i < b.len() {
        k = k.wrapping_mul(0xcc9e2d51).rotate_left(15).wrapping_mul(0x1b873593);
        h ^= k;
    }
    h ^= b.len() as u32;
    h ^= h >> 16;
    h = h.wrapping_mul(0x85ebca6b);
    h ^= h >> 13;
    h = h.wrapping_mul(0xc2b2ae35);
    h ^= h >> 16;
    h
}
#[derive(Debug, Clone, Copy)]
pub struct BucketHasher {
    h: u32,
    carry: u32,
    n: usize,
    len: usize,
}
pub const HASH_SEED: u32 = 9999;
const fn mix(h: u32, k: u32) -> u32 {
    let k = k.wrapping_mul(0xcc9e2d51).rotate_left(15).wrapping_mul(0x1b873593);
    (h ^ k).rotate_left(13).wrapping_mul(5).wrapping_add(0xe6546b64)
}
impl BucketHasher {
    pub fn bucket_values<V: AsRef<str>>(&self, v: &[V], out: &mut [u16]) {
        for (v, o) in v.iter().zip(out) {
            *o = self.bucket_value(v.as_ref());
        }
    }
    pub fn new(e: &str) -> Self {
        let b = e.as_bytes();
        let mut h = 9999;
        let mut c = b.chunks_exact(4);
        for w in &mut c {
            h = mix(h, u32::from_le_bytes([w[0], w[1], w[2], w[3]]));
        }
        let mut carry = 0;
        for (i, x) in c.remainder().iter().enumerate() {
            carry |= (*x as u32) << (8 * i);
        }
        Self { h, carry, n: c.remainder().len(), len: b.len() }
    }
    pub fn hash(&self, v: &str) -> u32 {
        let b = v.as_bytes();
        let mut h = self.h;
        let mut buf = self.carry as u64;
        let mut n = self.n;
        let mut c = b.chunks_exact(4);
        for w in &mut c {
            buf |= (u32::from_le_bytes([w[0], w[1], w[2], w[3]]) as u64) << (8 * n);
            h = mix(h, buf as u32);
            buf >>= 32;
        }
        for x in c.remainder() {
            buf |= (*x as u64) << (8 * n);
            n += 1;
            if n == 4 {
                h = mix(h, buf as u32);
                buf >>= 32;
                n = 0;
            }
        }
        if n > 0 {
            let k = (buf as u32).wrapping_mul(0xcc9e2d51).rotate_left(15).wrapping_mul(0x1b873593);
            h ^= k;
        }
        h ^= (b.len() + self.len) as u32;
        h ^= h >> 16;
        h = h.wrapping_mul(0x85ebca6b);
        h ^= h >> 13;
        h = h.wrapping_mul(0xc2b2ae35);
        h ^ (h >> 16)
    }
    pub fn bucket_value(&self, v: &str) -> u16 {
        ((self.hash(v) as u64 * 10000) >> 32) as u16
    }
}
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BucketRange {
    s: f64,
    e: f64,
}
impl BucketRange {
    pub fn start(&self) -> u16 {
        self.s.ceil() as u16
    }
    pub fn end(&self) -> u16 {
        self.e.ceil().min(10000.) as u16
    }
    pub fn contains(&self, v: u16) -> bool {
        let v = v as f64;
        self.s <= v && v < self.e
    }
}
#[derive(Debug, Clone, Copy)]
pub struct Arm {
    w: f64,
    a: bool,
}
impl Arm {
    pub fn new(w: f64, a: bool) -> Self {
        Self { w, a }
    }
}
pub fn packed_ranges(a: impl IntoIterator<Item = f64>) -> impl Iterator<Item = BucketRange> {
    let mut c = 0.0;
    a.into_iter().map(move |x| {
        let s = c;
        c += x * 100.0;
        BucketRange { s, e: c }
    })
}
pub fn anchored_ranges(a: &[Arm]) -> impl Iterator<Item = BucketRange> {
    let t: f64 = a.iter().map(|a| a.w).sum();
    let mut c = 0.0;
    let v: Vec<_> = if t > 0.0 {
        a.iter()
            .map(|x| {
                let s = c / t * 10000.0;
                c += x.w;
                BucketRange { s, e: s + if x.a { x.w * 100.0 } else { 0.0 } }
            })
            .collect()
    } else {
        vec![]
    };
    v.into_iter()
}
pub fn select(r: &[BucketRange], v: u16) -> Option<usize> {
    r.iter().position(|r| r.contains(v))
}

/// The partition that Java's client, and most other clients, give a key. So other programs that look for a stream by its key,
/// or publish to the same topic, find the same partition.
///
/// # Panics
/// Never: both numbers are unsigned, so the remainder is less than the divisor.
pub(crate) fn partition_of(key: &[u8], partitions: i32) -> i32 {
    let partitions = u32::try_from(partitions).unwrap_or_default().max(1);
    i32::try_from((murmur2(key) & 0x7fff_ffff) % partitions).expect("it has 31 bits")
}

/// Austin Appleby's MurmurHash2 in 32 bits, with Kafka's seed.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    const SEED: u32 = 0x9747_b28c;

    // Lengths in Kafka have 31 bits.
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut hash = SEED ^ length;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(M);
        word ^= word >> R;
        hash = hash.wrapping_mul(M) ^ word.wrapping_mul(M);
    }
    if !rest.is_empty() {
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u32::from_le_bytes(last)).wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of Kafka's own test, `UtilsTest.testMurmur2`.
    #[test]
    fn the_hash_is_kafka_s() {
        let expected: [(&str, i32); 7] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
            ("", 275_646_681),
        ];
        for (key, hash) in expected {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key:?}");
        }
    }

    #[test]
    fn a_key_s_partition_is_one_of_those_there_are() {
        for partitions in [1, 2, 12, i32::MAX] {
            for key in ["21", "foobar", "abc"] {
                assert!((0..partitions).contains(&partition_of(key.as_bytes(), partitions)));
            }
        }
        // toPositive(-973_932_308) % 12
        assert_eq!(partition_of(b"21", 12), 1_173_551_340 % 12);
    }
}

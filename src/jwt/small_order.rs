//! The points of small order on Ed25519. For a key that is one of them, everybody can make signatures that verify.

/// The y coordinates of all points whose order divides 8, as they are encoded (RFC 8032, section 5.1.2): little-endian, without the
/// sign of x. The last two are the first two plus the prime of the field: ring accepts numbers that are not reduced.
const COORDINATES: [[u8; 32]; 7] = [
    ends(0x00, 0x00, 0x00),
    ends(0x01, 0x00, 0x00),
    ends(0xec, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    ends(0xed, 0xff, 0x7f),
    ends(0xee, 0xff, 0x7f),
];

/// A number of 32 bytes: the first one, those between, and the last one.
const fn ends(first: u8, between: u8, last: u8) -> [u8; 32] {
    let mut number = [between; 32];
    let [begin, .., end] = &mut number;
    *begin = first;
    *end = last;
    number
}

/// Whether a public key is of small order, whichever sign its x has.
pub(super) fn is_of_small_order(key: &[u8]) -> bool {
    let Some((last, before)) = key.split_last() else {
        return false;
    };
    let is_same = |number: &[u8; 32]| {
        let [start @ .., end] = number;
        start == before && *end == last & 0x7f
    };
    COORDINATES.iter().any(is_same)
}

#[cfg(test)]
pub(super) mod tests {
    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    /// Each coordinate with each sign of x.
    pub(in super::super) fn encodings() -> Vec<[u8; 32]> {
        let signs = COORDINATES
            .iter()
            .flat_map(|number| [0, 0x80].map(|sign| (number, sign)));
        signs
            .map(|(number, sign)| {
                let mut encoding = *number;
                encoding[31] |= sign;
                encoding
            })
            .collect()
    }

    /// Whether somebody without any key can sign one of a few messages so that this key verifies it.
    fn is_forgeable(key: &[u8; 32]) -> bool {
        let encodings = encodings();
        let mut forgeries = (0..64_u32).flat_map(|n| encodings.iter().map(move |r| (n, r)));
        forgeries.any(|(n, r)| {
            // The point R, and zero.
            let signature = [&r[..], &[0; 32]].concat();
            let key = UnparsedPublicKey::new(&ED25519, key);
            key.verify(&n.to_be_bytes(), &signature).is_ok()
        })
    }

    #[test]
    fn everybody_can_sign_for_each_point_that_is_refused() {
        for key in encodings() {
            assert!(is_forgeable(&key), "{key:02x?}");
            assert!(is_of_small_order(&key), "{key:02x?}");
        }
    }

    #[test]
    fn a_number_beside_one_of_them_is_not_refused() {
        for key in encodings() {
            for bit in 0..255 {
                let mut other = key;
                other[bit / 8] ^= 1 << (bit % 8);
                let is_listed = encodings().contains(&other);
                assert_eq!(is_of_small_order(&other), is_listed, "{other:02x?}");
            }
        }
        for other in [&[][..], &[0; 31], &[0; 33]] {
            assert!(!is_of_small_order(other), "{other:02x?}");
        }
    }
}

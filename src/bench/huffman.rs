//! The Huffman code of HPACK (RFC 7541, appendix B). It is canonical: the codes follow from their lengths.

/// The length of the code of each byte, in bits. The end of a text has the longest code, which no text may contain.
#[rustfmt::skip]
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];
const LENGTH_MAX: u8 = 30;
/// What fills the last byte of a text is shorter than a byte.
const PADDING_MAX: u8 = 7;

/// The codes, by length.
#[derive(Debug)]
pub(super) struct Huffman {
    /// For each length from 1 on: its first code, how many codes it has, and its bytes in the order of their codes.
    lengths: Vec<(u32, u32, Vec<u8>)>,
}

impl Huffman {
    pub(super) fn new() -> Self {
        let mut next = 0;
        let lengths = (1..=LENGTH_MAX).map(|length| {
            let bytes = (0..=u8::MAX).zip(LENGTHS).filter(|(_, of)| *of == length);
            let bytes: Vec<u8> = bytes.map(|(byte, _)| byte).collect();
            let (first, count) = (next, u32::try_from(bytes.len()).unwrap_or(0));
            next = (first + count) << 1;
            (first, count, bytes)
        });
        Self {
            lengths: lengths.collect(),
        }
    }

    /// The text of this code; `None` if it is not one.
    pub(super) fn decode(&self, coded: &[u8]) -> Option<Vec<u8>> {
        let mut text = Vec::with_capacity(coded.len().saturating_mul(2));
        let (mut code, mut length) = (0_u32, 0_u8);
        let mut only_ones = true;
        for bit in coded
            .iter()
            .flat_map(|byte| (0..8).rev().map(move |n| (byte >> n) & 1))
        {
            code = (code << 1) | u32::from(bit);
            length += 1;
            only_ones &= bit == 1;
            let (first, count, bytes) = self.lengths.get(usize::from(length).checked_sub(1)?)?;
            let Some(place) = code.checked_sub(*first).filter(|place| place < count) else {
                continue;
            };
            text.push(*bytes.get(usize::try_from(place).ok()?)?);
            (code, length, only_ones) = (0, 0, true);
        }
        (length <= PADDING_MAX && only_ones).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7541, appendix C.4 and C.6.
    #[test]
    fn the_texts_of_the_specification_are_decoded() {
        let huffman = Huffman::new();
        let cases: [(&[u8], &str); 3] = [
            (
                &[
                    0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff,
                ],
                "www.example.com",
            ),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], "no-cache"),
            (&[0x64, 0x02], "302"),
        ];
        for (coded, text) in cases {
            assert_eq!(
                huffman.decode(coded).as_deref(),
                Some(text.as_bytes()),
                "{text}"
            );
        }
        // `0` is 00000: fifteen bits, and one of padding.
        assert_eq!(huffman.decode(&[0x00, 0x01]).as_deref(), Some(&b"000"[..]));
    }

    #[test]
    fn what_is_no_code_is_none() {
        let huffman = Huffman::new();
        // Padding that is not ones, padding of a byte and more, and the end of a text in it.
        for coded in [
            &[0x00, 0x00][..],
            &[0xff],
            &[0x00, 0x7f, 0xff],
            &[0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(huffman.decode(coded), None, "{coded:x?}");
        }
        assert_eq!(huffman.decode(&[]), Some(Vec::new()));
    }
}

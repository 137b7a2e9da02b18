//! The messages of gRPC in the data of a stream, however it is divided into frames.

/// What stands before each message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;
/// No message is longer.
const MESSAGE_BYTES_MAX: usize = 16 * 1_024 * 1_024;

/// The data of a stream that is not a whole message yet.
#[derive(Debug, Default)]
pub(super) struct Messages(Vec<u8>);

impl Messages {
    /// Takes data, and reports each message that is whole now. `None` if one is compressed or too long.
    pub(super) fn take(&mut self, data: &[u8], message: &mut dyn FnMut(&[u8])) -> Option<()> {
        if self.0.is_empty() {
            // Nearly always a frame is a message, which is not copied then.
            let rest = split(data, message)?;
            self.0.extend_from_slice(rest);
            return Some(());
        }
        let mut all = std::mem::take(&mut self.0);
        all.extend_from_slice(data);
        let used = all.len() - split(&all, message)?.len();
        all.drain(..used);
        self.0 = all;
        Some(())
    }
}

/// What is left of the data after its whole messages.
fn split<'d>(mut data: &'d [u8], message: &mut dyn FnMut(&[u8])) -> Option<&'d [u8]> {
    while let Some(([compressed, length @ ..], rest)) = data.split_first_chunk::<PREFIX_BYTES>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        if *compressed != 0 || length > MESSAGE_BYTES_MAX {
            return None;
        }
        let Some((whole, after)) = rest.split_at_checked(length) else {
            break;
        };
        message(whole);
        data = after;
    }
    Some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: &[u8] = b"\0\0\0\0\x02ab\0\0\0\0\0\0\0\0\0\x01c";

    #[test]
    fn messages_are_found_however_the_data_is_divided() {
        for at in 0..DATA.len() {
            let (mut messages, mut found) = (Messages::default(), Vec::new());
            let (first, second) = DATA.split_at(at);
            for part in [first, second] {
                let taken = messages.take(part, &mut |message| found.push(message.to_vec()));
                assert_eq!(taken, Some(()));
            }
            assert_eq!(found, [&b"ab"[..], b"", b"c"], "{at}");
        }
    }

    #[test]
    fn a_message_that_is_compressed_or_too_long_ends_it() {
        let mut messages = Messages::default();
        assert_eq!(messages.take(b"\x01\0\0\0\x01a", &mut |_| {}), None);
        assert_eq!(messages.take(b"\0\xff\xff\xff\xff", &mut |_| {}), None);
    }
}

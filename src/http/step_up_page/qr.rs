//! A link as a QR code, for the phone of the person: SVG without a style of its own, because the page permits none.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

/// The longest link that is shown as a code: more would be too fine for the camera of a phone.
const LINK_BYTES_MAX: usize = 1_000;
/// The margin that scanners need (ISO/IEC 18004), in modules.
const QUIET: usize = 4;

/// The code of a link; `None` if that is too long.
pub(super) fn svg(link: &str) -> Option<String> {
    if link.len() > LINK_BYTES_MAX {
        return None;
    }
    let code = QrCode::with_error_correction_level(link, EcLevel::L).ok()?;
    let width = code.width();
    let side = width + 2 * QUIET;
    let mut path = String::new();
    for (index, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (index % width + QUIET, index / width + QUIET);
            // Writing into a text cannot fail.
            let _ = write!(path, "M{x} {y}h1v1h-1z");
        }
    }
    Some(format!(
        "<svg class=\"code\" viewBox=\"0 0 {side} {side}\" role=\"img\" aria-label=\"QR code of the link\" shape-rendering=\"crispEdges\"><rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{path}\" fill=\"#000\"/></svg>"
    ))
}

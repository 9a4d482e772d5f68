//! The course of a topic as a small PNG, for mails: they show neither scripts nor SVG. Two grounds, light and dark, must
//! carry it, so it has none of its own, and its colours stand out from both (3 to 1 at least, WCAG 2.2, 1.4.11).

use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::view::{Bar, ItemView};

/// Pixels of the picture for one of the mail: sharp on a phone.
const SCALE: u32 = 2;
const BAR_WIDTH: u32 = 10;
const GAP: u32 = 3;
const HEIGHT: u32 = 38;

/// Nothing, a bar, the digest's own window, a window without any. Red, green, blue of each.
const COLOURS: [[u8; 3]; 4] = [
    [255, 255, 255],
    [122, 141, 161],
    [214, 92, 24],
    [122, 141, 161],
];
const OPACITY: [u8; 4] = [0, 255, 255, 150];

/// A picture that a mail carries with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Picture {
    /// Its Content-ID, without angle brackets.
    pub id: String,
    /// The PNG.
    #[serde(skip)]
    pub png: Vec<u8>,
    /// Its width in the mail.
    pub width: u32,
    /// Its height in the mail.
    pub height: u32,
    /// What it shows, with every number.
    pub alt: String,
}

impl Picture {
    /// The course of an item, if it has one. The same course gives the same bytes.
    pub fn of(item: &ItemView) -> Option<Self> {
        let windows = u32::try_from(item.course.len()).ok()?;
        let (first, last) = (item.course.first()?, item.course.last()?);
        let width = windows * (BAR_WIDTH + GAP) - GAP;
        let png = encode(&pixels(&item.course, width * SCALE), width * SCALE);
        let told = json!([item.number, item.label, item.course_words]);
        let hash = Sha256::digest(told.to_string().as_bytes());
        let hash: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Self {
            id: format!("course-{}.{hash}@groundswell", item.number),
            png,
            width,
            height: HEIGHT,
            alt: format!("{} to {}, {}", first.window, last.window, item.course_words),
        })
    }
}

/// One colour for each pixel, row by row.
fn pixels(course: &[Bar], width: u32) -> Vec<u8> {
    let height = HEIGHT * SCALE;
    let mut pixels = vec![0; (width * height) as usize];
    for (place, bar) in (0_u32..).zip(course) {
        let left = place * (BAR_WIDTH + GAP) * SCALE;
        let is_last = place as usize + 1 == course.len();
        let (colour, tall) = match (bar.height, is_last) {
            (0, _) => (3, SCALE),
            (of_hundred, is_last) => {
                let of_hundred = u32::try_from(of_hundred).unwrap_or(100).min(100);
                (
                    if is_last { 2 } else { 1 },
                    (of_hundred * height / 100).max(2 * SCALE),
                )
            }
        };
        for row in height - tall..height {
            let start = (row * width + left) as usize;
            pixels[start..start + (BAR_WIDTH * SCALE) as usize].fill(colour);
        }
    }
    pixels
}

fn encode(pixels: &[u8], width: u32) -> Vec<u8> {
    // Two bits for each pixel, every row from a new byte on.
    let packed = |row: &[u8]| -> Vec<u8> {
        let byte =
            |four: &[u8]| (0..4).fold(0, |byte, place| byte << 2 | four.get(place).unwrap_or(&0));
        row.chunks(4).map(byte).collect()
    };
    let rows: Vec<u8> = pixels.chunks(width as usize).flat_map(packed).collect();
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, width, HEIGHT * SCALE);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Two);
    encoder.set_palette(COLOURS.concat());
    encoder.set_trns(OPACITY.to_vec());
    // Rows are mostly like the one above. This way of packing is the crate's own: the others change their bytes with the
    // features that other crates choose.
    encoder.set_filter(png::Filter::Up);
    encoder.set_compression(png::Compression::Fast);
    let written = encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&rows));
    written.expect("memory takes every byte, and the rows have the size that the header says");
    png
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(heights: &[u64]) -> Vec<Bar> {
        let bar = |height: &u64| Bar {
            window: "w".to_owned(),
            count: *height,
            height: *height,
        };
        heights.iter().map(bar).collect()
    }

    /// The picture's rows as a reader of PNG sees them, one colour for each pixel.
    fn read(png: &[u8]) -> (u32, u32, Vec<u8>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png))
            .read_info()
            .unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        let pixel = |place: usize| {
            let (row, column) = (place / info.width as usize, place % info.width as usize);
            bytes[row * info.line_size + column / 4] >> (6 - 2 * (column % 4)) & 3
        };
        let pixels = (0..(info.width * info.height) as usize)
            .map(pixel)
            .collect();
        (info.width, info.height, pixels)
    }

    #[test]
    fn bars_are_as_high_as_their_share_and_the_last_one_stands_out() {
        let course = bars(&[0, 50, 100]);
        let width = (3 * (BAR_WIDTH + GAP) - GAP) * SCALE;
        let png = encode(&pixels(&course, width), width);
        let (read_width, height, pixels) = read(&png);
        assert_eq!((read_width, height), (width, HEIGHT * SCALE));
        let column = |bar: u32| -> Vec<u8> {
            let at = bar * (BAR_WIDTH + GAP) * SCALE + 1;
            (0..height)
                .map(|row| pixels[(row * width + at) as usize])
                .collect()
        };
        let count = |bar, colour| column(bar).iter().filter(|one| **one == colour).count();
        assert_eq!((count(0, 3), count(0, 0)), (2, 74));
        assert_eq!((count(1, 1), count(2, 2)), (38, 76));
        assert_eq!(column(1)[75], 1, "bars stand on the ground");
    }

    #[test]
    fn the_same_course_gives_the_same_few_bytes() {
        let course = bars(&(0..24).map(|n| n * 4).collect::<Vec<_>>());
        let width = (24 * (BAR_WIDTH + GAP) - GAP) * SCALE;
        let png = encode(&pixels(&course, width), width);
        assert_eq!(png, encode(&pixels(&course, width), width));
        assert!(png.len() < 1_000, "{} bytes", png.len());
    }

    #[test]
    fn the_colours_are_seen_on_white_and_on_black() {
        let light = |[red, green, blue]: [u8; 3]| {
            let part = |value: u8| {
                let value = f64::from(value) / 255.0;
                if value <= 0.04045 {
                    value / 12.92
                } else {
                    ((value + 0.055) / 1.055).powf(2.4)
                }
            };
            0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue)
        };
        for colour in [COLOURS[1], COLOURS[2]] {
            for ground in [[255; 3], [18; 3]] {
                let (a, b) = (light(colour), light(ground));
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(contrast >= 3.0, "{colour:?} on {ground:?}: {contrast:.2}");
            }
        }
    }
}

//! Takes a picture row by row and keeps only a smaller one: a box filter by a whole factor.

/// The smaller picture while it grows.
#[derive(Debug)]
pub(crate) struct Rows {
    width: usize,
    channels: usize,
    factor: usize,
    sums: Vec<u16>,
    /// Rows in `sums`.
    summed: usize,
    pixels: Vec<u8>,
}

impl Rows {
    /// For rows of `width` pixels of `channels` bytes, shrunk by `factor` (1 to 256).
    pub(crate) fn new(width: u32, height: u32, channels: usize, factor: u32) -> Self {
        debug_assert!((1..=256).contains(&factor), "256 full rows are the most that a sum holds");
        let rows = height.div_ceil(factor) as usize;
        let (width, factor) = (width as usize, factor as usize);
        let sums = if factor > 1 { vec![0; width * channels] } else { Vec::new() };
        let pixels = Vec::with_capacity(width.div_ceil(factor) * rows * channels);
        Self { width, channels, factor, sums, summed: 0, pixels }
    }

    /// Takes the next row; bytes past its width are not looked at.
    pub(crate) fn push(&mut self, row: &[u8]) {
        let row = row.get(..self.width * self.channels).unwrap_or(row);
        if self.factor == 1 {
            self.pixels.extend_from_slice(row);
            return;
        }
        for (sum, &byte) in self.sums.iter_mut().zip(row) {
            *sum += u16::from(byte);
        }
        self.summed += 1;
        if self.summed == self.factor {
            self.flush();
        }
    }

    /// The smaller picture with its width and height; rows that never came are white.
    pub(crate) fn finish(mut self, height: u32, white: u8) -> (u32, u32, Vec<u8>) {
        if self.summed > 0 {
            self.flush();
        }
        let across = self.width.div_ceil(self.factor);
        let down = (height as usize).div_ceil(self.factor);
        self.pixels.resize(across * down * self.channels, white);
        (length(across), length(down), self.pixels)
    }

    fn flush(&mut self) {
        let whole = self.width / self.factor * self.factor * self.channels;
        let (blocks, rest) = self.sums.split_at(whole.min(self.sums.len()));
        let mean = Mean::of(self.factor * self.summed);
        match (self.channels, self.factor) {
            // What is known before does not cost a loop for each block.
            (1, 2) => shrink::<2>(blocks, mean, &mut self.pixels),
            (1, 3) => shrink::<3>(blocks, mean, &mut self.pixels),
            (1, 4) => shrink::<4>(blocks, mean, &mut self.pixels),
            (1, 5) => shrink::<5>(blocks, mean, &mut self.pixels),
            (1, 6) => shrink::<6>(blocks, mean, &mut self.pixels),
            (1, 7) => shrink::<7>(blocks, mean, &mut self.pixels),
            (1, 8) => shrink::<8>(blocks, mean, &mut self.pixels),
            (channels, factor) => {
                for block in blocks.chunks(factor * channels) {
                    append_means(block, channels, mean, &mut self.pixels);
                }
            }
        }
        if !rest.is_empty() {
            let mean = Mean::of(rest.len() / self.channels * self.summed);
            append_means(rest, self.channels, mean, &mut self.pixels);
        }
        self.sums.fill(0);
        self.summed = 0;
    }
}

/// Divides sums of bytes by how many they are, rounded.
#[derive(Debug, Clone, Copy)]
struct Mean {
    half: u64,
    /// Of 2^40: exact for up to 2^16 bytes.
    part: u64,
}

impl Mean {
    fn of(count: usize) -> Self {
        let count = (count as u64).clamp(1, 1 << 16);
        Self { half: count / 2, part: (1_u64 << 40).div_ceil(count) }
    }

    fn by(self, sum: u32) -> u8 {
        (((u64::from(sum) + self.half) * self.part) >> 40).min(255) as u8
    }
}

/// Appends the means of blocks of `N` sums.
fn shrink<const N: usize>(sums: &[u16], mean: Mean, pixels: &mut Vec<u8>) {
    let (blocks, _) = sums.as_chunks::<N>();
    pixels.extend(blocks.iter().map(|block| mean.by(block.iter().copied().map(u32::from).sum())));
}

/// Appends the mean of each channel.
fn append_means(sums: &[u16], channels: usize, mean: Mean, pixels: &mut Vec<u8>) {
    for channel in 0..channels {
        let column = sums.iter().skip(channel).step_by(channels);
        pixels.push(mean.by(column.copied().map(u32::from).sum()));
    }
}

fn length(pixels: usize) -> u32 {
    u32::try_from(pixels).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pixel_is_the_rounded_mean_of_its_block() {
        let (width, height) = (23_usize, 17_usize);
        let byte = |x: usize, y: usize, channel: usize| (x * 89 + y * 57 + channel * 101) as u8;
        for (channels, factor) in [(1, 1), (1, 2), (1, 3), (1, 5), (1, 8), (1, 9), (3, 4), (1, 64)]
        {
            let mut rows = Rows::new(width as u32, height as u32, channels, factor as u32);
            for y in 0..height {
                let pixel = |x| (0..channels).map(move |channel| byte(x, y, channel));
                rows.push(&(0..width).flat_map(pixel).collect::<Vec<_>>());
            }

            let (across, down, pixels) = rows.finish(height as u32, 0);

            let mut expected = Vec::new();
            for (y, x) in (0..down as usize).flat_map(|y| (0..across as usize).map(move |x| (y, x)))
            {
                let xs = x * factor..((x + 1) * factor).min(width);
                let ys = y * factor..((y + 1) * factor).min(height);
                let count = xs.len() * ys.len();
                for channel in 0..channels {
                    let row = |y| xs.clone().map(move |x| usize::from(byte(x, y, channel)));
                    let sum: usize = ys.clone().flat_map(row).sum();
                    expected.push(((sum + count / 2) / count) as u8);
                }
            }
            assert_eq!(pixels, expected, "{channels} channels, a factor of {factor}");
        }
    }

    #[test]
    fn a_mean_is_exact_for_the_largest_blocks() {
        for count in [1, 2, 3, 7, 255, 256, 65_535, 65_536_u32] {
            for sum in [0, 1, count / 2, count, count * 17 + count / 2, count * 254, count * 255] {
                let exact = (u64::from(sum) + u64::from(count) / 2) / u64::from(count);
                assert_eq!(u64::from(Mean::of(count as usize).by(sum)), exact, "{sum} of {count}");
            }
        }
    }
}

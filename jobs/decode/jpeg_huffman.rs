//! Huffman codes of a baseline JPEG (ITU-T T.81, annex F), read several at a time.

use crate::bytes::be32;

/// Codes up to here are found in one look; in photos that is all but one in some thousand.
const LOOK: u32 = 11;
const LOOKS: usize = 1 << LOOK;

/// Entropy-coded data as bits, without the zeros that are stuffed behind each 0xFF.
#[derive(Clone, Copy)]
pub(crate) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits, from the top; zeros below them.
    held: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, held: 0, count: 0 }
    }

    /// Takes in data until 32 bits are there, or all up to the next marker. Behind the end there
    /// are zeros, which [`Bits::is_overdrawn`] tells from data.
    #[inline(always)]
    pub(crate) fn fill(&mut self) {
        if self.count > 32 {
            return;
        }
        match be32(self.data, self.at) {
            // No byte of them is 0xFF.
            Some(four) if (!four).wrapping_sub(0x0101_0101) & four & 0x8080_8080 == 0 => {
                self.held |= u64::from(four) << (32 - self.count);
                self.count += 32;
                self.at += 4;
            }
            _ => *self = self.filled(),
        }
    }

    /// Taken and given by value, so that all others have it in registers.
    #[inline(never)]
    fn filled(mut self) -> Self {
        while self.count <= 56 {
            let Some(&byte) = self.data.get(self.at) else { break };
            if byte == 0xFF {
                if self.data.get(self.at + 1) != Some(&0) {
                    break;
                }
                self.at += 1;
            }
            self.at += 1;
            self.held |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
        self
    }

    /// The next bits, without taking them.
    #[inline(always)]
    fn look(&self) -> usize {
        (self.held >> (64 - LOOK)) as usize
    }

    /// Takes so many bits, up to 32.
    #[inline(always)]
    fn skip(&mut self, bits: u32) {
        self.held <<= bits;
        // Below zero it says that there were not so many.
        self.count = self.count.wrapping_sub(bits);
    }

    /// Whether more bits were taken than there are.
    #[inline(always)]
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.count > 64
    }

    /// The number that `size` bits stand for (T.81, F.2.2.1), up to 16 bits.
    #[inline(always)]
    fn number(&mut self, size: u32) -> i32 {
        let bits = (self.held >> 1 >> (63 - size)) as i32;
        // Those that begin with a zero are below zero.
        let is_below = !((self.held as i64) >> 63) as i32;
        self.skip(size);
        bits + (is_below & (1 - (1 << size)))
    }

    /// Goes behind the restart marker of this number, which must be next; whether it is.
    pub(crate) fn restart(&mut self, number: u8) -> bool {
        // What is left of the last byte is padding. Whole bytes would be data too many.
        let is_next = self.count < 8
            && self.data.get(self.at) == Some(&0xFF)
            && self.data.get(self.at + 1) == Some(&(0xD0 | number & 7));
        (self.held, self.count) = (0, 0);
        self.at += 2;
        is_next
    }
}

/// A table of codes, as the file has it.
#[derive(Debug, Clone)]
pub(crate) struct Codes {
    /// How many codes there are of 1 bit, of 2, and so on.
    pub(crate) counts: [u8; 16],
    /// The symbols, in the order of their codes.
    pub(crate) symbols: Vec<u8>,
}

/// Finds symbols by their codes.
pub(crate) struct Symbols {
    /// Length and symbol for what [`LOOK`] bits begin with; 0 where the code is longer.
    short: Box<[u16; LOOKS]>,
    /// For each length above [`LOOK`]: the first code, how many there are, and the symbols.
    long: Vec<(u32, u32, Vec<u8>)>,
}

impl Symbols {
    /// `None` if the codes are more than fit into their lengths.
    pub(crate) fn new(codes: &Codes) -> Option<Self> {
        let mut short = Box::new([0; LOOKS]);
        let (mut long, mut code, mut symbols) = (Vec::new(), 0u32, codes.symbols.as_slice());
        for (length, &count) in (1u32..).zip(&codes.counts) {
            let (these, rest) = symbols.split_at_checked(usize::from(count))?;
            symbols = rest;
            if code + u32::from(count) > 1 << length {
                return None;
            }
            if length > LOOK {
                long.push((code, u32::from(count), these.to_vec()));
            } else {
                let span = 1usize << (LOOK - length);
                let places = short.get_mut(code as usize * span..)?;
                for (&symbol, places) in these.iter().zip(places.chunks_exact_mut(span)) {
                    places.fill((length as u16) << 8 | u16::from(symbol));
                }
            }
            code = (code + u32::from(count)) << 1;
        }
        Some(Self { short, long })
    }

    #[inline(always)]
    fn of(&self, look: usize) -> (u32, u8) {
        let found = self.short.get(look & (LOOKS - 1)).copied().unwrap_or(0);
        (u32::from(found >> 8), found as u8)
    }

    /// The next symbol; `None` if no code begins so. To be called with 16 bits there.
    #[inline(always)]
    pub(crate) fn read(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let (mut length, mut symbol) = self.of(bits.look());
        if length == 0 {
            (length, symbol) = self.long(*bits)?;
        }
        bits.skip(length);
        Some(symbol)
    }

    #[inline(never)]
    fn long(&self, bits: Bits<'_>) -> Option<(u32, u8)> {
        for (length, (first, count, symbols)) in (LOOK + 1..).zip(&self.long) {
            let code = (bits.held >> (64 - length)) as u32;
            if let Some(place) = code.checked_sub(*first).filter(|place| place < count) {
                return Some((length, *symbols.get(place as usize)?));
            }
        }
        None
    }

    /// The next difference of a first coefficient.
    #[inline(always)]
    pub(crate) fn difference(&self, bits: &mut Bits<'_>) -> Option<i32> {
        bits.fill();
        // More are not in baseline, and 11 bits hold all there is.
        let size = self.read(bits).filter(|size| *size <= 11)?;
        Some(bits.number(size.into()))
    }

    /// The next coefficient of detail and its place, from the one before; `Some(None)` at the end
    /// of the block.
    #[inline(always)]
    pub(crate) fn detail(&self, bits: &mut Bits<'_>, at: usize) -> Option<Option<(usize, i32)>> {
        bits.fill();
        let symbol = self.read(bits)?;
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        if size == 0 && run < 15 {
            return if symbol == 0 { Some(None) } else { None };
        }
        let at = at + run + 1;
        let value = bits.number(size);
        (at < 64).then_some(Some((at, value)))
    }
}

/// Passes over details: all codes that are seen at once are one step.
pub(crate) struct Skips {
    one: Symbols,
    /// For what [`LOOK`] bits begin with: the bits of all whole codes in it with their numbers, in
    /// the low byte; how many places they go on, in the next; whether the block ends then.
    many: Box<[u32; LOOKS]>,
}

/// In an entry of [`Skips::many`].
const ENDS: u32 = 1 << 16;

impl Skips {
    pub(crate) fn new(one: Symbols) -> Self {
        let mut many = Box::new([0; LOOKS]);
        for (look, entry) in many.iter_mut().enumerate() {
            *entry = Self::entry(&one, look);
        }
        Self { one, many }
    }

    fn entry(one: &Symbols, look: usize) -> u32 {
        let (mut bits, mut ahead, mut ends) = (0, 0, 0);
        while bits < LOOK && ends == 0 {
            let (length, symbol) = one.of(look << bits);
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            let is_odd = size == 0 && run != 15 && symbol != 0;
            // Behind the bits that are seen there are zeros here and others there.
            if length == 0 || bits + length > LOOK || is_odd {
                break;
            }
            bits += length + size;
            match symbol {
                0 => ends = ENDS,
                _ => ahead += run + 1,
            }
        }
        bits | ahead << 8 | ends
    }

    /// Passes over a block, from behind this place on; `None` if it is not as it should be.
    #[inline(always)]
    pub(crate) fn pass(&self, bits: &mut Bits<'_>, mut at: usize) -> Option<()> {
        while at < 63 {
            bits.fill();
            let step = self.many.get(bits.look() & (LOOKS - 1)).copied().unwrap_or(0);
            let ahead = at + (step >> 8 & 0xFF) as usize;
            // A block that is full has no end: what follows belongs to the next one.
            if step != 0 && ahead < 63 {
                bits.skip(step & 0xFF);
                if step & ENDS != 0 {
                    return Some(());
                }
                at = ahead;
                continue;
            }
            match self.one.detail(bits, at)? {
                None => return Some(()),
                Some((place, _)) => at = place,
            }
        }
        Some(())
    }
}

/// Reads the first details of a block and passes over the rest.
pub(crate) struct Details {
    skips: Skips,
    /// For what [`LOOK`] bits begin with, if a whole code with its number is in it: their bits, in
    /// the low byte; how many places they go on, in the next; the number, in the upper half.
    whole: Box<[u32; LOOKS]>,
}

impl Details {
    pub(crate) fn new(one: Symbols) -> Self {
        let mut whole = Box::new([0; LOOKS]);
        for (look, entry) in whole.iter_mut().enumerate() {
            let (length, symbol) = one.of(look);
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            if length > 0 && size > 0 && length + size <= LOOK {
                let held = (look as u64) << (64 - LOOK + length);
                let value = Bits { data: &[], at: 0, held, count: 64 }.number(size);
                *entry = value.cast_unsigned() << 16 | (run + 1) << 8 | (length + size);
            }
        }
        Self { skips: Skips::new(one), whole }
    }

    /// As [`Symbols::detail`].
    #[inline(always)]
    pub(crate) fn next(&self, bits: &mut Bits<'_>, at: usize) -> Option<Option<(usize, i32)>> {
        bits.fill();
        let entry = self.whole.get(bits.look() & (LOOKS - 1)).copied().unwrap_or(0);
        let place = at + (entry >> 8 & 0xFF) as usize;
        if entry != 0 && place < 64 {
            bits.skip(entry & 0xFF);
            return Some(Some((place, entry.cast_signed() >> 16)));
        }
        self.skips.one.detail(bits, at)
    }

    /// As [`Skips::pass`].
    #[inline(always)]
    pub(crate) fn pass(&self, bits: &mut Bits<'_>, at: usize) -> Option<()> {
        self.skips.pass(bits, at)
    }
}

//! Which walk a piece of work belongs to: W3C Trace Context, from the request to the last job.

use std::{cell::Cell, fmt, future::poll_fn, num::NonZero, pin::pin, str::FromStr};

/// A place in a trace, in documents and headers as `traceparent` writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// The whole walk.
    pub id: NonZero<u128>,
    /// The piece of work that asked for this one.
    pub parent: NonZero<u64>,
    /// Whether somebody keeps its spans.
    pub is_sampled: bool,
}

/// The text is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no traceparent by W3C Trace Context")]
pub struct NoTrace;

impl FromStr for Trace {
    type Err = NoTrace;

    /// Reads `VERSION-TRACE-PARENT-FLAGS`. A version that is not known yet may say more behind it.
    fn from_str(text: &str) -> Result<Self, NoTrace> {
        let mut parts = text.split('-');
        let mut part = |digits| parts.next().and_then(|part| lower_hex(part, digits));
        let (version, id) = (part(2).ok_or(NoTrace)?, part(32).ok_or(NoTrace)?);
        let (parent, flags) = (part(16).ok_or(NoTrace)?, part(2).ok_or(NoTrace)?);
        let says_more = parts.next().is_some();
        if version == 0xff || (version == 0 && says_more) {
            return Err(NoTrace);
        }
        let parent = u64::try_from(parent).ok().and_then(NonZero::new).ok_or(NoTrace)?;
        Ok(Self { id: NonZero::new(id).ok_or(NoTrace)?, parent, is_sampled: flags & 1 == 1 })
    }
}

/// The number, if the text is exactly so many hexadecimal digits in small letters.
fn lower_hex(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_number = text.len() == digits && text.bytes().all(is_digit);
    is_number.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.is_sampled);
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.id, self.parent)
    }
}

thread_local! {
    /// Of the future that this thread polls.
    static CURRENT: Cell<Option<Trace>> = const { Cell::new(None) };
}

/// Where the work stands that asks; what it puts into the queue goes on from there.
pub fn current() -> Option<Trace> {
    CURRENT.get()
}

/// Does `work` at this place. Tasks that it spawns are elsewhere.
pub async fn within<F: Future>(trace: Trace, work: F) -> F::Output {
    let mut work = pin!(work);
    poll_fn(|cx| {
        let _back = Back(CURRENT.replace(Some(trace)));
        work.as_mut().poll(cx)
    })
    .await
}

/// Puts back what was current before, also when the work panics.
struct Back(Option<Trace>);

impl Drop for Back {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_is_read_and_written_as_it_was() {
        let trace: Trace = TEXT.parse().unwrap();

        assert_eq!(trace.to_string(), TEXT);
        assert!(trace.is_sampled);
        let later = TEXT.replacen("00", "cc", 1) + "-what-comes-next";
        assert_eq!(later.parse(), Ok(trace));
        assert_eq!(TEXT.replace("-01", "-ff").parse(), Ok(trace));
    }

    #[test]
    fn what_is_none_is_refused() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        for text in [
            "",
            "00",
            &TEXT.to_uppercase(),
            &TEXT.replacen("00", "ff", 1),
            &format!("{TEXT}-01"),
            &format!("{TEXT}-"),
            &format!(" {TEXT}"),
            &TEXT.replace(id, &"0".repeat(32)),
            &TEXT.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &TEXT.replace(id, &format!("+{}", &id[1..])),
            &TEXT.replace(id, "4bf92f"),
            &TEXT.replace("-01", "-1"),
            &TEXT.replace("-01", "-é"),
        ] {
            assert_eq!(text.parse::<Trace>(), Err(NoTrace), "{text}");
        }
    }

    #[test]
    fn work_is_where_it_was_put_between_other_work_and_after_a_panic() {
        let [outer, inner] = ["01", "00"].map(|flags| TEXT.replace("-01", &format!("-{flags}")));
        let [outer, inner] = [outer, inner].map(|text| text.parse::<Trace>().unwrap());
        let mut seen = Vec::new();

        let work = within(outer, async {
            seen.push(current());
            within(inner, async { seen.push(current()) }).await;
            seen.push(current());
        });
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(pin!(work).as_mut().poll(&mut context).is_ready());
        let broken = std::panic::catch_unwind(|| {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let work = within(outer, async { panic!("on purpose") });
            let _ = pin!(work).as_mut().poll(&mut context);
        });

        assert_eq!(seen, [Some(outer), Some(inner), Some(outer)]);
        assert!(broken.is_err());
        assert_eq!(current(), None);
    }
}

//! Where a piece of work stands in its trace, whether or not anybody collects them.

use std::{fmt, num::NonZero};

use jobs::trace::Trace;
use tracing::Span;

use super::otlp;

/// Opens `span` as a part of the walk of `from`, or of a new one; the place that its own work goes
/// on from. The span needs an empty field `trace.id`.
pub fn begin(span: &Span, name: fmt::Arguments<'_>, from: Option<Trace>) -> Trace {
    // Without a collector nobody sees this span: what it asks for hangs on the one before it.
    let here = otlp::begin(span, name, from).or(from).unwrap_or_else(new);
    span.record("trace.id", tracing::field::display(format_args!("{:032x}", here.id)));
    here
}

/// Sampled, so that processes that do have a collector send what they do for it.
fn new() -> Trace {
    let id = NonZero::new(fastrand::u128(1..)).unwrap_or(NonZero::<u128>::MIN);
    let parent = NonZero::new(fastrand::u64(1..)).unwrap_or(NonZero::<u64>::MIN);
    Trace { id, parent, is_sampled: true }
}

//! The worker behind Iven.

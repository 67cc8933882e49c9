//! What clamd's lines mean.

use jobs::ports::Verdict;

/// One line of clamd about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It has an opinion.
    Says(Verdict),
    /// Something in clamd itself went wrong; another time it may work.
    Trouble(String),
}

/// Its engine and signatures, from the answer to `VERSION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    /// Such as `ClamAV 1.4.3`.
    pub(super) engine: String,
    /// The number of the official daily database, or what stands for it.
    pub(super) signatures: String,
}

/// A verdict that the file was not looked at whole.
pub(super) fn unscannable(reason: &str) -> Verdict {
    Verdict::Unscannable { reason: reason.into() }
}

impl Answer {
    /// Reads `fd[12]: OK`, `stream: NAME FOUND`, `fd[12]: SENTENCE ERROR`.
    ///
    /// Only the exact word OK is clean: a line that nobody foresaw never is.
    pub(super) fn read(line: &str) -> Self {
        let said = line.split_once(": ").map_or(line, |(_, said)| said);
        if said == "OK" {
            return Self::Says(Verdict::Clean);
        }
        if let Some(name) = said.strip_suffix(" FOUND") {
            return Self::Says(found(name));
        }
        if said.contains("size limit exceeded") {
            return Self::Says(unscannable("too_large"));
        }
        let sentence = said.strip_suffix(" ERROR").unwrap_or(said);
        if sentence.contains("Time limit reached") {
            return Self::Says(unscannable("timeout"));
        }
        // libclamav's sentences about its surroundings (memory, disk, temporary files) begin so;
        // the others are about the file.
        if sentence.starts_with("Can't") || sentence.contains("TIMED OUT") || sentence.is_empty() {
            return Self::Trouble(format!("clamd has trouble: {sentence}"));
        }
        Self::Says(unscannable("scan_error"))
    }
}

/// What was "found" may also be that clamd stopped looking.
fn found(name: &str) -> Verdict {
    // The ending says that the signature is not an official one; `Scan::signatures` tells that.
    let name = name.strip_suffix(".UNOFFICIAL").unwrap_or(name);
    if name.starts_with("Heuristics.Limits.Exceeded") {
        return unscannable("limits_exceeded");
    }
    if name.starts_with("Heuristics.Encrypted") {
        return unscannable("encrypted");
    }
    Verdict::Infected { signature: name.into() }
}

impl Version {
    /// Reads `ClamAV 1.4.3/27555/Mon Feb  3 09:36:06 2025`; without official signatures clamd
    /// leaves out all but the first part.
    pub(super) fn read(line: &str) -> Self {
        let mut parts = line.split('/');
        let engine = parts.next().unwrap_or_default().trim().to_owned();
        let signatures = parts.next().map(str::trim).filter(|number| !number.is_empty());
        Self { engine, signatures: signatures.unwrap_or("local (no official database)").into() }
    }
}

/// How many scans wait, from the answer to `STATS`.
pub(super) fn waiting(stats: &str) -> u64 {
    stats
        .lines()
        .filter_map(|line| line.strip_prefix("QUEUE: "))
        .filter_map(|rest| rest.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::{Answer, Verdict, Version, unscannable, waiting};

    #[test]
    fn only_a_plain_ok_is_clean() {
        assert_eq!(Answer::read("fd[12]: OK"), Answer::Says(Verdict::Clean));
        assert_eq!(Answer::read("stream: OK"), Answer::Says(Verdict::Clean));
        for line in ["", "OK?", "fd[12]: OK OK", "fd[12]: NOT OK", "UNKNOWN COMMAND"] {
            assert_ne!(Answer::read(line), Answer::Says(Verdict::Clean), "{line}");
        }
    }

    #[test]
    fn a_limit_or_a_password_is_no_infection() {
        let says = |line| match Answer::read(line) {
            Answer::Says(verdict) => verdict,
            Answer::Trouble(sentence) => panic!("{sentence}"),
        };

        assert_eq!(
            says("fd[9]: Eicar-Test-Signature.UNOFFICIAL FOUND"),
            Verdict::Infected { signature: "Eicar-Test-Signature".into() }
        );
        assert_eq!(
            says("fd[9]: Heuristics.Limits.Exceeded.MaxFileSize FOUND"),
            unscannable("limits_exceeded")
        );
        assert_eq!(says("stream: Heuristics.Encrypted.Zip FOUND"), unscannable("encrypted"));
        assert_eq!(says("INSTREAM size limit exceeded. ERROR"), unscannable("too_large"));
        assert_eq!(says("fd[9]: CL_ETIMEOUT: Time limit reached ERROR"), unscannable("timeout"));
        assert_eq!(says("fd[9]: Bad format or broken data ERROR"), unscannable("scan_error"));
    }

    #[test]
    fn trouble_of_the_machine_is_no_verdict() {
        for line in ["fd[9]: Can't allocate memory ERROR", "COMMAND READ TIMED OUT", ""] {
            assert!(matches!(Answer::read(line), Answer::Trouble(_)), "{line}");
        }
    }

    #[test]
    fn the_version_tells_official_signatures_from_local_ones() {
        let official = Version::read("ClamAV 1.4.3/27555/Mon Feb  3 09:36:06 2025");
        let local = Version::read("ClamAV 1.4.6");

        assert_eq!(
            (official.engine.as_str(), official.signatures.as_str()),
            ("ClamAV 1.4.3", "27555")
        );
        assert_eq!(local.engine, "ClamAV 1.4.6");
        assert_eq!(local.signatures, "local (no official database)");
    }

    #[test]
    fn waiting_scans_are_read_from_the_statistics() {
        let stats = "POOLS: 1\n\nSTATE: VALID PRIMARY\nQUEUE: 3 items\n\tFILDES 1.2 \nEND";

        assert_eq!(waiting(stats), 3);
        assert_eq!(waiting("nonsense"), 0);
    }
}

//! What keeps a cell from everything but its work.

use std::{
    collections::BTreeMap,
    fs::File,
    os::fd::{AsRawFd, OwnedFd, RawFd},
};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus,
    Scope,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::frame::Locks;
use crate::decoder::DecodeLimits;

/// A cell that counts its own time wrongly is ended by the kernel so many seconds later.
const GRACE_SECONDS: u64 = 2;

/// The file, the socket, standard error, and copies of the first: readers have one of their own.
const DESCRIPTORS: u64 = 64;

/// What is made ready once, before the first fork.
pub struct Base {
    /// Address space of the program with its libraries, in bytes.
    address_space: u64,
    /// What codecs say of files goes nowhere.
    nowhere: Option<OwnedFd>,
    filters: Vec<BpfProgram>,
    /// For a cell that stays: it may receive files, too.
    staying: Vec<BpfProgram>,
}

/// Makes it ready.
pub fn base() -> Base {
    let arch = TargetArch::try_from(std::env::consts::ARCH).ok();
    let filters = |also| arch.and_then(|arch| filters(arch, also)).unwrap_or_default();
    Base {
        address_space: address_space(),
        nowhere: File::options().write(true).open("/dev/null").ok().map(OwnedFd::from),
        filters: filters(&[]),
        staying: filters(&[libc::SYS_recvmsg]),
    }
}

/// Gives up all rights that a decode does not need; what the kernel takes them by.
pub fn lock(base: &Base, limits: DecodeLimits, stays: bool) -> Locks {
    // Beyond the memory of the decode: the file itself.
    let memory = base.address_space + limits.memory_bytes + limits.still_bytes;
    limit(libc::RLIMIT_AS, memory);
    limit(libc::RLIMIT_CPU, limits.time.as_secs() + GRACE_SECONDS);
    limit(libc::RLIMIT_NOFILE, DESCRIPTORS);
    limit(libc::RLIMIT_FSIZE, 0);
    limit(libc::RLIMIT_CORE, 0);
    // SAFETY: it sets a flag of this process.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    let landlock = no_files();
    let filters = if stays { &base.staying } else { &base.filters };
    let seccomp = !filters.is_empty()
        && filters.iter().all(|filter| seccompiler::apply_filter(filter).is_ok());
    Locks { seccomp, landlock }
}

/// The end of the zygote is the end of its cells.
pub fn die_with_parent() {
    // SAFETY: it sets a flag of this process.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) };
}

/// Closes all descriptors but these; standard error leads nowhere.
pub fn keep_only(base: &Base, kept: &[RawFd]) {
    if let Some(nowhere) = &base.nowhere {
        // SAFETY: both descriptors are this process's.
        unsafe { libc::dup2(nowhere.as_raw_fd(), 2) };
    }
    let mut kept: Vec<u32> =
        kept.iter().chain(&[2]).filter_map(|fd| (*fd).try_into().ok()).collect();
    kept.sort_unstable();
    let mut from = 0;
    for fd in kept {
        close(from, fd.checked_sub(1));
        from = fd + 1;
    }
    close(from, Some(u32::MAX));
}

fn close(from: u32, to: Option<u32>) {
    if let Some(to) = to.filter(|to| from <= *to) {
        // SAFETY: nothing behind this line uses what is closed.
        unsafe { libc::syscall(libc::SYS_close_range, from, to, 0) };
    }
}

/// What this process has mapped, in bytes.
fn address_space() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    pages.unwrap_or(64 << 10) * rustix::param::page_size() as u64
}

fn limit(what: libc::__rlimit_resource_t, most: u64) {
    let most = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: it reads two numbers.
    unsafe { libc::setrlimit(what, &raw const most) };
}

/// No file, no port, no other process, where the kernel has landlock.
fn no_files() -> bool {
    let abi = ABI::V6;
    let restricted = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(abi)))
        .and_then(|rules| rules.scope(Scope::from_all(abi)))
        .and_then(|rules| rules.create())
        .and_then(|rules| rules.restrict_self());
    restricted.is_ok_and(|status| status.ruleset != RulesetStatus::NotEnforced)
}

/// Calls that decoding makes.
const NEEDED: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_close,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_clock_gettime,
    libc::SYS_getrandom,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigaction,
    libc::SYS_sigaltstack,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Calls of libraries that look around; they are told that they may not, and go on without.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_openat,
    libc::SYS_faccessat,
    libc::SYS_readlinkat,
    libc::SYS_ioctl,
    libc::SYS_prlimit64,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    // How a process aborts; refused, it ends itself by a crash.
    libc::SYS_tgkill,
];

/// One filter that refuses, and one that ends the process for every call that is in no list.
fn filters(arch: TargetArch, also: &[libc::c_long]) -> Option<Vec<BpfProgram>> {
    let any = |calls: &[libc::c_long]| -> BTreeMap<i64, Vec<SeccompRule>> {
        calls.iter().map(|call| (*call, Vec::new())).collect()
    };
    let refusing = SeccompFilter::new(
        any(REFUSED),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EACCES.unsigned_abs()),
        arch,
    );
    let mut known = any(NEEDED);
    known.extend(any(REFUSED));
    known.extend(any(also));
    let if_ = |argument, compared, with: libc::c_int| {
        let with = with.unsigned_abs().into();
        let one = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compared, with).ok()?;
        SeccompRule::new(vec![one]).ok()
    };
    let masked = |mask: libc::c_int| SeccompCmpOp::MaskedEq(mask.unsigned_abs().into());
    // Memory, but none to run code in.
    known.insert(libc::SYS_mmap, vec![if_(2, masked(libc::PROT_EXEC), 0)?]);
    known.insert(libc::SYS_mprotect, vec![if_(2, masked(libc::PROT_EXEC), 0)?]);
    // Another descriptor of the same file, and what a descriptor is.
    let asked = [libc::F_DUPFD_CLOEXEC, libc::F_GETFD, libc::F_GETFL];
    let asked = asked.map(|what| if_(1, SeccompCmpOp::Eq, what));
    known.insert(libc::SYS_fcntl, asked.into_iter().collect::<Option<_>>()?);
    let own = libc::AT_EMPTY_PATH;
    known.insert(libc::SYS_newfstatat, vec![if_(3, masked(own), own)?]);
    known.insert(libc::SYS_statx, vec![if_(2, masked(own), own)?]);
    let ending = SeccompFilter::new(known, SeccompAction::KillProcess, SeccompAction::Allow, arch);
    // The one that is put on later is asked, too, and the sterner word counts.
    [refusing, ending].into_iter().map(|filter| BpfProgram::try_from(filter.ok()?).ok()).collect()
}

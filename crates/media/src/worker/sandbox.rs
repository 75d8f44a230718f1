//! The walls around a child: resource limits, Landlock and two seccomp filters, put up before the first foreign byte.
//! Promise: when `enter` has returned, this process cannot open a file, reach the network, start a program or a thread,
//! or make memory executable; when `enter_for_program` has, it can read the system's libraries and nothing else.
//! Sources: landlock(7), seccomp(2), setrlimit(2); limits are those of `reliability.md` section 5.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus,
};
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// What a child may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walls {
    /// Seconds of processor time; at the end of them SIGXCPU.
    pub cpu_seconds: u64,
    /// Bytes of memory of its own.
    pub memory_bytes: u64,
}

/// Why the walls do not stand.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A system call.
    #[error("the system refused to {what}")]
    System {
        /// What was asked.
        what: &'static str,
        /// Its answer.
        #[source]
        source: rustix::io::Errno,
    },
    /// Landlock.
    #[error("Landlock cannot be used")]
    Landlock(#[source] landlock::RulesetError),
    /// A folder of the system's libraries.
    #[error("a library folder cannot be opened")]
    Folder(#[source] landlock::PathFdError),
    /// The filters.
    #[error("seccomp cannot be used")]
    Seccomp(#[source] seccompiler::Error),
}

/// How much of Landlock the kernel knows; it is one wall of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landlocked {
    /// All that was asked.
    Fully,
    /// An older kernel: some.
    Partly,
    /// None at all; seccomp alone keeps files away.
    Not,
}

/// Closes this process in. Only for a process of one thread.
///
/// # Errors
/// `SandboxError`; the process must end then.
pub fn enter(walls: Walls) -> Result<Landlocked, SandboxError> {
    detach()?;
    limits(walls, 16)?;
    let landlocked = landlock(&[])?;
    apply(&deadly()?)?;
    apply(&allowed(&CHILD, SeccompAction::Errno(libc::EPERM as u32), no_execution()?)?)?;
    Ok(landlocked)
}

/// Closes this process in before it becomes another program, which may read (and run) what lies under `folders`.
///
/// # Errors
/// `SandboxError`; the process must end then.
pub fn enter_for_program(walls: Walls, folders: &[PathBuf]) -> Result<(), SandboxError> {
    detach()?;
    limits(walls, 64)?;
    landlock(folders)?;
    // glibc asks for clone3 first, whose flags no filter can see, and takes clone where the kernel does not know it.
    let unknown = [(libc::SYS_clone3, Vec::new())].into_iter().collect();
    apply(&filter(unknown, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))?)?;
    let names: Vec<i64> = CHILD.iter().chain(&PROGRAM).chain(OLD).copied().collect();
    apply(&allowed(&names, SeccompAction::Errno(libc::EPERM as u32), threads_only()?)?)
}

fn detach() -> Result<(), SandboxError> {
    let failed = |what| move |source| SandboxError::System { what, source };
    rustix::process::setsid().map_err(failed("begin a session"))?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(failed("die with the server"))?;
    rustix::thread::set_no_new_privs(true).map_err(failed("give up new rights"))?;
    let hidden = rustix::process::DumpableBehavior::NotDumpable;
    rustix::process::set_dumpable_behavior(hidden).map_err(failed("hide from debuggers"))?;
    // Whoever waits for an answer goes first. The limit of niceness is 19; being refused does no harm.
    let _ = rustix::process::nice(10);
    Ok(())
}

fn limits(walls: Walls, files: u64) -> Result<(), SandboxError> {
    let wanted = [
        (Resource::Cpu, walls.cpu_seconds, walls.cpu_seconds.saturating_add(2)),
        // Memory that is really written to; address space alone is cheap and allocators reserve much of it.
        (Resource::Data, walls.memory_bytes, walls.memory_bytes),
        (Resource::As, walls.memory_bytes.saturating_mul(8), walls.memory_bytes.saturating_mul(8)),
        (Resource::Core, 0, 0),
        (Resource::Nofile, files, files),
        (Resource::Memlock, 0, 0),
        (Resource::Msgqueue, 0, 0),
    ];
    for (resource, current, maximum) in wanted {
        let limit = Rlimit { current: Some(current), maximum: Some(maximum) };
        setrlimit(resource, limit).map_err(|source| SandboxError::System { what: "limit resources", source })?;
    }
    Ok(())
}

/// Nothing may be touched but what is read or run beneath `folders`; no port may be bound or connected to.
fn landlock(folders: &[PathBuf]) -> Result<Landlocked, SandboxError> {
    let readable: BitFlags<AccessFs> = AccessFs::Execute | AccessFs::ReadFile | AccessFs::ReadDir;
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V5))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(ABI::V5)))
        .and_then(|rules| rules.scope(landlock::Scope::from_all(ABI::V6)))
        .and_then(|rules| rules.create())
        .map_err(SandboxError::Landlock)?;
    for folder in folders.iter().filter(|folder| Path::new(folder).exists()) {
        let beneath = PathBeneath::new(PathFd::new(folder).map_err(SandboxError::Folder)?, readable);
        rules = rules.add_rule(beneath).map_err(SandboxError::Landlock)?;
    }
    let status = rules.restrict_self().map_err(SandboxError::Landlock)?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Landlocked::Fully,
        RulesetStatus::PartiallyEnforced => Landlocked::Partly,
        RulesetStatus::NotEnforced => Landlocked::Not,
    })
}

#[cfg(target_arch = "x86_64")]
const ARCH: seccompiler::TargetArch = seccompiler::TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCH: seccompiler::TargetArch = seccompiler::TargetArch::aarch64;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn filter(rules: Rules, otherwise: SeccompAction, matched: SeccompAction) -> Result<BpfProgram, SandboxError> {
    let failed = |error: seccompiler::BackendError| SandboxError::Seccomp(seccompiler::Error::Backend(error));
    SeccompFilter::new(rules, otherwise, matched, ARCH).and_then(BpfProgram::try_from).map_err(failed)
}

fn apply(program: &BpfProgram) -> Result<(), SandboxError> {
    seccompiler::apply_filter(program).map_err(SandboxError::Seccomp)
}

fn allowed(names: &[i64], otherwise: SeccompAction, bounded: Rules) -> Result<BpfProgram, SandboxError> {
    let mut rules: Rules = names.iter().map(|name| (*name, Vec::new())).collect();
    rules.extend(bounded);
    filter(rules, otherwise, SeccompAction::Allow)
}

/// System calls that no decoder has any reason to make: the process ends at once, and the server knows of an attack.
fn deadly() -> Result<BpfProgram, SandboxError> {
    let names = [
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept4,
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_io_uring_setup,
        libc::SYS_bpf,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_mount,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_kexec_load,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_userfaultfd,
        libc::SYS_perf_event_open,
        libc::SYS_memfd_create,
        libc::SYS_kill,
    ];
    let rules = names.into_iter().map(|name| (name, Vec::new())).collect();
    filter(rules, SeccompAction::Allow, SeccompAction::KillProcess)
}

fn condition(argument: u8, mask: u64, value: u64) -> Result<SeccompRule, SandboxError> {
    let failed = |error: seccompiler::BackendError| SandboxError::Seccomp(seccompiler::Error::Backend(error));
    let operator = SeccompCmpOp::MaskedEq(mask);
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Qword, operator, value).map_err(failed)?;
    SeccompRule::new(vec![condition]).map_err(failed)
}

/// Memory may be mapped and protected anew, but never so that it can be run.
fn no_execution() -> Result<Rules, SandboxError> {
    let rule = || condition(2, libc::PROT_EXEC as u64, 0);
    Ok([(libc::SYS_mmap, vec![rule()?]), (libc::SYS_mprotect, vec![rule()?])].into())
}

/// `clone` makes threads of this process, and no processes.
fn threads_only() -> Result<Rules, SandboxError> {
    let flag = libc::CLONE_THREAD as u64;
    Ok([(libc::SYS_clone, vec![condition(0, flag, flag)?])].into())
}

/// What a child of ours needs to compute and to talk over its socket.
const CHILD: [i64; 42] = [
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_lseek,
    libc::SYS_pread64,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_ppoll,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_mincore,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getrusage,
    libc::SYS_prlimit64,
    libc::SYS_membarrier,
    libc::SYS_restart_syscall,
    libc::SYS_getcpu,
    libc::SYS_set_robust_list,
];

/// What a program such as ffmpeg needs besides: its libraries, and threads.
const PROGRAM: [i64; 41] = [
    // Answered by the filter before this one, whose answer stands only where this one has none of its own.
    libc::SYS_clone3,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_execve,
    libc::SYS_openat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_ftruncate,
    libc::SYS_fcntl,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_pwrite64,
    libc::SYS_fsync,
    libc::SYS_ioctl,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_prctl,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_getppid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_sched_setscheduler,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_getcwd,
    libc::SYS_eventfd2,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_timerfd_create,
];

/// Calls that newer machines no longer have, and that glibc still makes on this one.
#[cfg(target_arch = "x86_64")]
const OLD: &[i64] = &[
    libc::SYS_open,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_getdents,
    libc::SYS_arch_prctl,
    libc::SYS_getrlimit,
    libc::SYS_time,
    libc::SYS_epoll_wait,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[i64] = &[];

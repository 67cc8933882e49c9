//! Which process holds a lease, and whether it is still there.

use std::fs;

/// One process from its start to its end, in words that another process of this machine
/// understands: `HOST/PID/START/UNIQUE`.
///
/// HOST is the boot of the machine and the namespace in which process numbers count, so that two
/// containers do not take each other's processes for their own.
#[derive(Debug, Clone)]
pub struct Incarnation {
    host: String,
    name: String,
}

impl Incarnation {
    /// This process; each call names another incarnation of it.
    pub fn new() -> Self {
        let pid = std::process::id();
        let unique = bson::oid::ObjectId::new().to_hex();
        let host = host().unwrap_or_else(|| format!("unknown-{unique}"));
        let start = start_of(pid).unwrap_or_default();
        let name = format!("{host}/{pid}/{start}/{unique}");
        Self { host, name }
    }

    /// Its name in leases.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether `owner` was a process of this machine that has ended. Of other machines nothing is
    /// known.
    pub fn knows_gone(&self, owner: &str) -> bool {
        let mut parts = owner.split('/');
        let (Some(host), Some(pid), Some(start)) = (parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        let Ok(pid) = pid.parse() else { return false };
        // A process number is used again, with another start.
        host == self.host && start_of(pid).as_deref() != Some(start)
    }
}

fn host() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    let number: String = namespace.to_str()?.chars().filter(char::is_ascii_digit).collect();
    Some(format!("{}-{number}", boot.trim()))
}

/// When the process began, in the kernel's ticks since boot; `None` if there is none, or only what
/// is left of one that has ended.
fn start_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in brackets, which may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    // The start is the 22nd field of all, the 20th of these.
    fields.nth(18).filter(|_| state != "Z" && state != "X").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::Incarnation;

    #[test]
    fn a_process_that_runs_is_not_gone_and_one_that_ended_is() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let this = Incarnation::new();
        let start = super::start_of(child.id()).unwrap();
        let owner = format!("{}/{}/{start}/x", this.host, child.id());

        assert!(!this.knows_gone(this.name()) && !this.knows_gone(&owner));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(this.knows_gone(&owner));
    }

    #[test]
    fn a_number_that_is_used_again_is_another_process() {
        let this = Incarnation::new();

        let earlier = format!("{}/{}/1/x", this.host, std::process::id());

        assert!(this.knows_gone(&earlier));
    }

    #[test]
    fn of_other_machines_and_of_what_is_no_incarnation_nothing_is_known() {
        let this = Incarnation::new();

        for owner in ["elsewhere/4000000/1/x", "house", "", "a/b/c", &format!("{}/x/1", this.host)]
        {
            assert!(!this.knows_gone(owner), "{owner}");
        }
    }
}

//! The server program: where it is, how it is configured to keep to itself, and how it is ended.

use std::{
    fs, io,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

use super::Grouped;

/// Where the program usually is. Debian's `/usr/sbin/rabbitmq-server` is not among them: it switches to another user.
const PROGRAMS: [&str; 5] = [
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "/opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server",
    "/usr/local/opt/rabbitmq/sbin/rabbitmq-server",
    "/home/linuxbrew/.linuxbrew/opt/rabbitmq/sbin/rabbitmq-server",
    "/opt/rabbitmq/sbin/rabbitmq-server",
];

/// The command that installs RabbitMQ on this system; `None` where no package manager that we know is here.
#[must_use]
pub fn installer() -> Option<&'static str> {
    const INSTALLERS: [(&str, &str); 7] = [
        ("/usr/bin/apt-get", "sudo apt-get install --no-install-recommends rabbitmq-server"),
        ("/usr/bin/dnf", "sudo dnf install rabbitmq-server"),
        ("/opt/homebrew/bin/brew", "brew install rabbitmq"),
        ("/usr/local/bin/brew", "brew install rabbitmq"),
        ("/home/linuxbrew/.linuxbrew/bin/brew", "brew install rabbitmq"),
        ("/usr/bin/zypper", "sudo zypper install rabbitmq-server"),
        ("/usr/bin/pacman", "sudo pacman -S rabbitmq"),
    ];
    INSTALLERS.iter().find(|(program, _)| Path::new(program).exists()).map(|(_, command)| *command)
}

pub(super) const COOKIE: &str = ".erlang.cookie";
const PROCESS: &str = "process";
const ENVIRONMENT: &str = "environment";

/// The server program of this machine.
#[must_use]
pub fn find() -> Option<PathBuf> {
    PROGRAMS.iter().map(PathBuf::from).find(|path| path.is_file())
}

/// Ports of 127.0.0.1 that nobody uses.
pub(super) struct Ports {
    pub(super) amqp: u16,
    pub(super) management: u16,
    distribution: u16,
    epmd: u16,
}

impl Ports {
    /// Four ports that were free a moment ago, and different from each other.
    pub(super) fn free() -> io::Result<Ports> {
        let listeners = (0..4).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<io::Result<Vec<_>>>()?;
        let ports = listeners.iter().map(|l| Ok(l.local_addr()?.port())).collect::<io::Result<Vec<_>>>()?;
        match ports[..] {
            [amqp, management, distribution, epmd] => Ok(Ports { amqp, management, distribution, epmd }),
            _ => Err(io::Error::other("four ports were asked for")),
        }
    }
}

/// The files of a server: name and content.
pub(super) fn configuration(folder: &Path, server: &Path, ports: &Ports) -> Vec<(&'static str, String)> {
    let secret = uuid::Uuid::new_v4().simple().to_string();
    let at = |name: &str| folder.join(name).display().to_string();
    let node = format!("evbus-{}@localhost", &secret[..12]);
    let Ports { amqp, management, distribution, epmd } = ports;
    let environment = [
        ("EVBUS_SANDBOX_SERVER", server.display().to_string()),
        ("RABBITMQ_NODENAME", node),
        ("RABBITMQ_DIST_PORT", distribution.to_string()),
        ("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf")),
        ("RABBITMQ_CONF_ENV_FILE", at("rabbitmq-env.conf")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", at("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", at("data")),
        ("RABBITMQ_LOG_BASE", at("log")),
        ("RABBITMQ_PID_FILE", at("pid")),
        ("RABBITMQ_GENERATED_CONFIG_DIR", at("generated")),
        ("RABBITMQ_FEATURE_FLAGS_FILE", at("feature_flags")),
        ("ERL_EPMD_PORT", epmd.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("HOME", folder.display().to_string()),
    ];
    let environment: Vec<String> = environment.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    let settings = format!(
        "listeners.tcp.1 = 127.0.0.1:{amqp}\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {management}\ndisk_free_limit.absolute = 50MB\n"
    );
    vec![
        ("rabbitmq.conf", settings),
        ("rabbitmq-env.conf", String::new()),
        ("enabled_plugins", "[rabbitmq_management,rabbitmq_shovel,rabbitmq_shovel_management].\n".to_owned()),
        (COOKIE, secret),
        (ENVIRONMENT, environment.concat()),
    ]
}

/// Starts the server of a folder, in a process group of its own.
pub(super) fn start(folder: &Path) -> io::Result<Child> {
    let environment = fs::read_to_string(folder.join(ENVIRONMENT))?;
    let mut variables: Vec<(&str, &str)> = environment.lines().filter_map(|line| line.split_once('=')).collect();
    let program = match variables.first() {
        Some(("EVBUS_SANDBOX_SERVER", program)) => *program,
        _ => return Err(io::Error::other("the sandbox names no server")),
    };
    variables.remove(0);
    let console = fs::OpenOptions::new().append(true).create(true).open(folder.join("console"))?;
    let child = Command::new(program)
        .env_clear()
        // What the launcher scripts need of the system; nothing of ours.
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin")
        .env("LANG", "C.UTF-8")
        .envs(variables)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(console.try_clone()?)
        .stderr(console)
        .process_group_of_its_own()
        .spawn()?;
    fs::write(folder.join(PROCESS), child.id().to_string())?;
    Ok(child)
}

/// Ends a server and its port mapper. It is thrown away with all it holds: there is nothing to save.
pub(super) fn end(folder: &Path, child: &mut Child) {
    kill_group(child.id());
    let _ = child.wait();
    end_port_mapper(folder);
}

/// Ends a server whose keeper was killed, if the process that is on record is still that server.
pub(super) fn end_orphan(folder: &Path) {
    let Ok(text) = fs::read_to_string(folder.join(PROCESS)) else { return };
    let Ok(process) = text.trim().parse::<u32>() else { return };
    // Numbers of processes are used again: only one that works in this folder is ours.
    let works_here = fs::read_link(format!("/proc/{process}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
        || fs::read(format!("/proc/{process}/environ"))
            .is_ok_and(|environ| String::from_utf8_lossy(&environ).contains(&folder.display().to_string()));
    if works_here {
        kill_group(process);
        end_port_mapper(folder);
    }
}

fn kill_group(leader: u32) {
    let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) else { return };
    // Gone already is as good as killed.
    let _ = kill_process_group(pid, Signal::KILL);
}

/// Erlang's port mapper outlives the node that started it. It ends on request, once no node is registered any more.
fn end_port_mapper(folder: &Path) {
    let Ok(environment) = fs::read_to_string(folder.join(ENVIRONMENT)) else { return };
    let port = environment.lines().find_map(|line| line.strip_prefix("ERL_EPMD_PORT=")?.parse::<u16>().ok());
    let Some(port) = port else { return };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        let Ok(mut mapper) = TcpStream::connect_timeout(&address, Duration::from_millis(500)) else { return };
        // A request is its length in two bytes and a letter: k is kill. Refused while a node is still registered.
        let mut answer = [0; 2];
        let asked = mapper.write_all(&[0, 1, b'k']).and_then(|()| mapper.read_exact(&mut answer));
        if asked.is_ok() && &answer == b"OK" {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

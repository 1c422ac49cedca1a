//! The `evbus` program: hands its arguments to the library and returns the exit code.

fn main() -> std::process::ExitCode {
    evbus::run(std::env::args_os())
}

//! `logclass serve`: the page and the REST API.

use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use super::setup;
use crate::cli::{Running, Serve};
use crate::console::{print, tell};
use crate::environment;
use crate::error::ExitStatus;
use crate::serve::engine::{Bounds, Engine, TABLE_SIZE};
use crate::serve::{ServerSettings, run as serve};

/// Runs the command.
pub fn run(arguments: &Serve) -> Result<ExitStatus> {
    if arguments.check {
        return check(arguments.host, arguments.port);
    }
    let config = setup::config(arguments.stages.config.as_deref())?;
    let llm = setup::llm_config(&config, &arguments.llm);
    let cascade = setup::cascade(&arguments.stages, &config, arguments.min_confidence, llm.is_some())?
        .thorough(arguments.thorough);
    let columns = setup::server_columns(&arguments.columns, &config);
    let bounds = Bounds {
        threads: setup::threads(&Running { threads: arguments.threads, quiet: true }),
        record_bytes: arguments.max_record_bytes,
        decompressed_bytes: arguments.max_decompressed_bytes,
    };
    let verdicts = setup::verdicts(arguments.verdicts.as_deref(), &cascade, TABLE_SIZE)?;
    let engine = Engine::new(&config, cascade, columns, llm.as_ref(), bounds, verdicts)?;
    let settings = ServerSettings {
        address: SocketAddr::new(arguments.host, arguments.port),
        token: token()?,
        insecure: arguments.insecure_no_auth,
        hosts: arguments.allow_host.clone(),
        body_bytes: arguments.max_body_bytes,
        concurrency: usize::from(arguments.max_concurrent),
        connections: usize::from(arguments.max_connections),
        timeout: Duration::from_secs(arguments.timeout),
        job_lifetime: Duration::from_secs(arguments.keep_results),
        jobs: usize::from(arguments.max_jobs),
        grace: Duration::from_secs(arguments.grace),
        log: arguments.log_format,
    };
    serve(settings, engine)?;
    Ok(ExitStatus::Done)
}

/// The token that clients must show. Who set the variable, and set it to nothing, may have meant to ask for one, so that is
/// told.
fn token() -> Result<Option<String>> {
    const VARIABLE: &str = "LOGCLASS_TOKEN";
    let token = environment::value(VARIABLE)?;
    if token.is_none() && std::env::var_os(VARIABLE).is_some() {
        tell(&format!("logclass: warning: {VARIABLE} is empty: clients need no token\n"));
    }
    Ok(token.map(|token| token.trim().to_owned()))
}

/// Asks a running server for its health: an image that holds nothing but the binary has no other client.
fn check(host: IpAddr, port: u16) -> Result<ExitStatus> {
    const PATIENCE: Duration = Duration::from_secs(3);
    let host = if host.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { host };
    let address = SocketAddr::new(host, port);
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(64 << 10).read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().with_context(|| format!("{address}: the server does not answer"))?;
    if !answer.starts_with("HTTP/1.1 200") {
        bail!("{address}: {}", answer.lines().next().unwrap_or("an empty answer"));
    }
    print(b"ok\n")
}

//! The command line.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::{
    answer,
    config::{self, Config},
    doctor, ingest, operator, reprocess, schedules,
    serve::{self, Role},
    telemetry, templates, wire, workers,
};

/// The worker behind Iven: uploads, virus scans, thumbnails, metadata.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// A settings file over the defaults (see `iven-worker config`)
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the HTTP API, the job workers and the schedules
    Serve {
        /// Which parts; roles other than `all` need MongoDB
        #[arg(long, value_enum, default_value = "all")]
        role: Role,
    },
    /// Upload real files through a running service and print the finished documents
    Ingest(ingest::Args),
    /// See and steer jobs
    Jobs(operator::Jobs),
    /// See and steer queues
    Queues(operator::Queues),
    /// Put a job
    Enqueue(operator::Enqueue),
    /// List what a running service does again and again, or run it at once
    Schedules(schedules::Args),
    /// Make again what is older than the settings, for media that are published already
    Reprocess(reprocess::Args),
    /// See the processes that work through the queues
    Workers(workers::Args),
    /// Create every collection and index; safe to run again
    Migrate,
    /// Check every part that the worker leans on, a line each
    Doctor,
    /// See the words of notifications, and check your own
    Templates(templates::Args),
    /// Print what a job's arguments are, for other programs
    Types {
        /// In which language
        #[arg(value_enum)]
        language: Language,
    },
    /// Print the effective settings, secrets masked
    Config,
}

/// A language for types.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Language {
    /// JSON Schema, 2020-12
    Json,
    /// TypeScript declarations
    Typescript,
}

/// Reads the command line and does what it says; the exit status.
pub fn main() -> anyhow::Result<u8> {
    let cli = Cli::parse();
    // Needs no settings, so that it also helps those who have none yet.
    if let Command::Templates(args) = cli.command {
        return templates::run(args);
    }
    if let Command::Types { language } = cli.command {
        match language {
            Language::Json => answer::print(format_args!("{:#}", jobs::schemas::json_schema()))?,
            Language::Typescript => answer::print(jobs::schemas::typescript().trim_end())?,
        }
        return Ok(0);
    }
    let config = settings(cli.config.as_deref())?;
    if let Command::Config = cli.command {
        answer::print(config.masked().trim_end())?;
        return Ok(0);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let status = if let Command::Serve { role } = cli.command {
        let _inside = runtime.enter();
        let traces = telemetry::logs_and_traces(&config.log, &config.telemetry)?;
        let ended = runtime.block_on(serve(config, role));
        traces.end();
        ended
    } else {
        telemetry::logs(&config.log)?;
        runtime.block_on(run(cli.command, config))
    };
    // Blocking work that hangs (a decoder, a disk) must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    status
}

async fn serve(config: Config, role: Role) -> anyhow::Result<u8> {
    // Before the parts, which look up once what they are counted by.
    let metrics = telemetry::metrics()?;
    serve::serve(wire::house(config).await?, role, metrics).await?;
    Ok(0)
}

async fn run(command: Command, config: Config) -> anyhow::Result<u8> {
    match command {
        Command::Ingest(args) => ingest::run(args, &config).await,
        Command::Jobs(asked) => operator::jobs(asked, &config).await,
        Command::Queues(asked) => operator::queues(asked, &config).await,
        Command::Enqueue(asked) => operator::enqueue(asked, &config).await,
        Command::Schedules(args) => schedules::run(args, &config).await,
        Command::Reprocess(args) => reprocess::run(args, &config).await,
        Command::Workers(args) => workers::run(args, &config).await,
        Command::Migrate => {
            let lines = wire::open(&config).await?.documents.migrate().await?;
            match lines.as_slice() {
                [] => println!("nothing to do: every collection and index is there"),
                lines => lines.iter().for_each(|line| println!("{line}")),
            }
            Ok(0)
        }
        Command::Doctor => doctor::run(config).await,
        Command::Serve { .. } | Command::Config | Command::Templates(_) | Command::Types { .. } => {
            Ok(0)
        }
    }
}

fn settings(file: Option<&std::path::Path>) -> anyhow::Result<Config> {
    let text = match file {
        Some(path) => Some(
            std::fs::read_to_string(path)
                .with_context(|| format!("the settings file {} cannot be read", path.display()))?,
        ),
        None => None,
    };
    let environment: Vec<_> = std::env::vars_os().collect();
    for name in config::unused(&environment) {
        eprintln!("{name} is no setting and changes nothing: settings are IVEN__SECTION__KEY");
    }
    let folder_of_scripts_only = config::folder_of_scripts_only(&environment);
    let config = Config::read(text.as_deref(), environment).map_err(|faults| {
        anyhow::anyhow!("the settings have faults:\n- {}", faults.join("\n- "))
    })?;
    if folder_of_scripts_only {
        let folder = config.store.data_dir.display();
        eprintln!(
            "IVEN_DATA is for the scripts; the data folder here is {folder}: \
             set IVEN__STORE__DATA_DIR for another"
        );
    }
    Ok(config)
}

//! One conversation with a mail server.

use std::net::SocketAddr;

use jobs::ports::{Taken, Unsent};

use super::{
    line::{Broken, Duplex, Line},
    message::Parcel,
    offers::Offers,
    reply::{About, Reply},
};

/// A conversation in which the next mail may be handed over.
pub(super) struct Session {
    line: Line<Box<dyn Duplex>>,
    offers: Offers,
}

/// How handing over a mail ended.
pub(super) enum Ending {
    /// The server has it.
    Taken(Taken),
    /// The server said no and listens on.
    Refused(Unsent),
    /// This is known of the mail, and the conversation is over.
    Lost(Unsent),
    /// The conversation was over before anything of the mail was handed over.
    Stale(String),
}

impl Session {
    /// Goes on where greeting and login have been.
    pub(super) fn new(line: Line<Box<dyn Duplex>>, offers: Offers) -> Self {
        Self { line, offers }
    }

    /// What the server has offered.
    pub(super) fn offers(&self) -> &Offers {
        &self.offers
    }

    /// Hands a mail over.
    pub(super) async fn deliver(&mut self, parcel: &Parcel) -> Ending {
        match self.hand_over(parcel).await {
            Ok(taken) => Ending::Taken(taken),
            Err(ending) => ending,
        }
    }

    async fn hand_over(&mut self, parcel: &Parcel) -> Result<Taken, Ending> {
        parcel.fits(&self.offers).map_err(Ending::Refused)?;
        let (from, to) = parcel.envelope(&self.offers);
        let answers = self.ask_all(&[&from, &to, "DATA"]).await;
        let answers = answers.map_err(|broken| Ending::Stale(broken.0))?;
        look_at(&answers, parcel)?;

        // The dot is what makes it a mail: before it, nothing is handed over.
        let begun = self.line.write(&parcel.content).await;
        begun.map_err(|broken| {
            Ending::Lost(Unsent::Later {
                code: "smtp_broken".into(),
                message: broken.0,
                after: None,
            })
        })?;
        match self.finish().await {
            Ok(reply) if reply.is_yes() => {
                Ok(Taken { id: reply.queued_as(), is_reported: self.offers.dsn })
            }
            Ok(reply) => Err(Ending::Refused(reply.unsent(About::Content, &parcel.to))),
            Err(broken) => Err(Ending::Lost(Unsent::Unknown { message: broken.0 })),
        }
    }

    async fn finish(&mut self) -> Result<Reply, Broken> {
        self.line.write(b".\r\n").await?;
        self.line.flush().await?;
        self.line.reply().await
    }

    /// The answers to these commands, in their order; none behind the one that ends everything.
    async fn ask_all(&mut self, commands: &[&str]) -> Result<Vec<Reply>, Broken> {
        let mut answers = Vec::with_capacity(commands.len());
        if self.offers.pipelining {
            self.line.write(format!("{}\r\n", commands.join("\r\n")).as_bytes()).await?;
            self.line.flush().await?;
        }
        for command in commands {
            let answer = match self.offers.pipelining {
                true => self.line.reply().await?,
                false => self.line.ask(command).await?,
            };
            let goes_on = answer.code != 421 && (answer.is_yes() || self.offers.pipelining);
            answers.push(answer);
            if !goes_on {
                break;
            }
        }
        Ok(answers)
    }

    /// Forgets a mail that was refused; whether another may follow.
    pub(super) async fn reset(&mut self) -> bool {
        matches!(self.line.ask("RSET").await, Ok(reply) if reply.is_yes())
    }

    /// Asks whether the server is there.
    pub(super) async fn noop(&mut self) -> Result<Reply, Broken> {
        self.line.ask("NOOP").await
    }

    /// Says good-bye; nobody is angry if the server has gone before.
    pub(super) async fn quit(mut self) {
        let _gone = self.line.ask("QUIT").await;
    }
}

/// Whether the content may follow.
fn look_at(answers: &[Reply], parcel: &Parcel) -> Result<(), Ending> {
    let waits = answers.get(2).is_some_and(|answer| answer.code == 354);
    let about = [About::Sender, About::Recipient, About::Content];
    let refusal = answers.iter().zip(about).find(|(answer, about)| match about {
        About::Content => answer.code != 354,
        _ => !answer.is_yes(),
    });
    match refusal {
        None if waits => Ok(()),
        None => Err(Ending::Stale("the mail server does not wait for the mail".into())),
        Some((answer, _)) if answer.code == 421 => {
            let words = answer.words(&parcel.to);
            Err(Ending::Stale(format!("the mail server closes the connection: {words}")))
        }
        // Without a recipient it waits for a mail all the same: an end is clearer than a dot.
        Some((answer, about)) if waits => Err(Ending::Lost(answer.unsent(about, &parcel.to))),
        Some((answer, about)) => Err(Ending::Refused(answer.unsent(about, &parcel.to))),
    }
}

/// How we call ourselves where nobody gave us a name (RFC 5321, 4.1.3).
pub(super) fn literal(own: SocketAddr) -> String {
    match own {
        SocketAddr::V4(own) => format!("[{}]", own.ip()),
        SocketAddr::V6(own) => format!("[IPv6:{}]", own.ip()),
    }
}

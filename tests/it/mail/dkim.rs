//! Whether others believe our signatures: read by RFC 6376, and not by the crate that writes them.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rsa::{RsaPrivateKey, pkcs1::EncodeRsaPublicKey, pkcs8::DecodePrivateKey};
use sha2::{Digest, Sha256};

use super::{
    Dkim, Mail, Mailer, SmtpSettings, mail,
    server::{MailServer, Manner},
    settings, smtp,
};

enum Public {
    Rsa(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// A field's name and value as they are signed: small letters, one space where there were some.
fn relaxed(field: &str) -> (String, String) {
    let (name, value) = field.split_once(':').unwrap();
    let words: Vec<_> = value.split_whitespace().collect();
    (name.trim().to_lowercase(), words.join(" "))
}

/// The body as it is signed.
fn relaxed_body(body: &str) -> String {
    let squeeze = |line: &str| {
        let mut out = String::new();
        for char in line.trim_end_matches([' ', '\t']).chars() {
            match char {
                ' ' | '\t' if out.ends_with(' ') => {}
                '\t' => out.push(' '),
                char => out.push(char),
            }
        }
        out
    };
    let lines: Vec<_> = body.split("\r\n").map(squeeze).collect();
    format!("{}\r\n", lines.join("\r\n").trim_end_matches("\r\n"))
}

fn verify(mail: &str, key: &Public) {
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let fields: Vec<_> = unfolded.split("\r\n").map(relaxed).collect();
    let field = |name: &str| fields.iter().find(|(other, _)| other == name);
    let seal = &field("dkim-signature").expect("a signature").1;
    let tag = |name: &str| {
        let tags = seal.split(';').map(|tag| tag.trim().split_once('=').unwrap());
        tags.filter(|(other, _)| *other == name).map(|(_, value)| value.replace(' ', "")).next()
    };
    assert_eq!(tag("c").as_deref(), Some("relaxed/relaxed"));
    let hash = STANDARD.encode(Sha256::digest(relaxed_body(body)));
    assert_eq!(tag("bh"), Some(hash), "the body is another one");

    let mut signed = String::new();
    for name in tag("h").unwrap().split(':') {
        if let Some((name, value)) = field(name) {
            signed += &format!("{name}:{value}\r\n");
        }
    }
    let (before, _) = seal.split_once(" b=").unwrap();
    signed += &format!("dkim-signature:{before} b=");
    let signature = STANDARD.decode(tag("b").unwrap()).unwrap();
    match key {
        Public::Rsa(key) => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
            .verify(signed.as_bytes(), &signature),
        // The hash is signed, and not the text (RFC 8463, 3).
        Public::Ed25519(key) => {
            UnparsedPublicKey::new(&ED25519, key).verify(&Sha256::digest(&signed), &signature)
        }
    }
    .unwrap_or_else(|_| panic!("the signature is of something else than {signed}"));
}

#[tokio::test]
async fn others_believe_the_signature_on_a_mail() {
    let server = MailServer::start(Manner::good()).await;
    let ed25519 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let rsa = include_str!("../rsa.pem");
    let rsa_public = RsaPrivateKey::from_pkcs8_pem(rsa).unwrap().to_public_key();
    let rsa_public = Public::Rsa(rsa_public.to_pkcs1_der().unwrap().into_vec());
    let subject = "Vos photos de la fête d'été à Saint-Étienne sont prêtes, venez les voir 🎉";
    let long = Mail {
        subject: subject.into(),
        to_name: Some("Zoë Müller".into()),
        html: "<p>À  bientôt</p>\t\n.\n\n".repeat(50),
        unsubscribe: Some(format!("https://iven.test/u/{}", "x".repeat(120))),
        ..mail()
    };

    for (pem, algorithm, public) in [
        (rsa.to_owned(), "rsa-sha256", rsa_public),
        (
            ed25519.serialize_pem(),
            "ed25519-sha256",
            Public::Ed25519(ed25519.public_key_raw().to_vec()),
        ),
    ] {
        let dkim = Dkim { domain: "iven.test".into(), selector: "m1".into(), private_key_pem: pem };
        let smtp = smtp(&SmtpSettings { dkim: Some(dkim), ..settings(&server.url()) });
        for mail in [&mail(), &long] {
            smtp.send(mail).await.unwrap();

            let content = server.mails().pop().unwrap().content;
            assert!(content.contains(&format!("a={algorithm}")), "{content}");
            verify(&content, &public);
        }
    }
}

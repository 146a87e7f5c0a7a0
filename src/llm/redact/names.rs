//! Names whose value is a secret: `db_password`, `clientSecret`, `X-Api-Key`.

/// What a name says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Made for machines: one word.
    Token,
    /// Chosen by people: it may be several words, where nothing marks its end.
    Words,
    /// It may be a count, as in `max_tokens=512`, and only then is no secret.
    Count,
}

/// Words that make a name one of a secret.
const TOKENS: [&str; 29] = [
    "token",
    "cred",
    "creds",
    "apikey",
    "apikeys",
    "otp",
    "totp",
    "cvv",
    "cvc",
    "pin",
    "sig",
    "signature",
    "sessionid",
    "sessid",
    "jsessionid",
    "phpsessid",
    "sid",
    "jwt",
    "authkey",
    "secretkey",
    "accesskey",
    "privatekey",
    "connectionstring",
    "clave",
    "dbpass",
    "userpass",
    "mypass",
    "pgpass",
    "authtoken",
];
const CHOSEN: [&str; 26] = [
    "password",
    "passwords",
    "passwd",
    "passwds",
    "passphrase",
    "passphrases",
    "passwort",
    "passcode",
    "passcodes",
    "pwd",
    "pwds",
    "pw",
    "pass",
    "secret",
    "secrets",
    "mnemonic",
    "contraseña",
    "contrasena",
    "senha",
    "motdepasse",
    "wachtwoord",
    "пароль",
    "密码",
    "密碼",
    "口令",
    "パスワード",
];
/// Parts that make any longer word one of a secret, as in `dbpassword`.
const PARTS: [&str; 6] = ["password", "passwd", "passphrase", "passwort", "secret", "credential"];
/// What makes `key` and `keys` behind it secret.
const KEYS: [&str; 17] = [
    "api",
    "access",
    "private",
    "secret",
    "account",
    "shared",
    "auth",
    "signing",
    "encryption",
    "master",
    "license",
    "licence",
    "session",
    "storage",
    "service",
    "host",
    "decryption",
];

/// The kind of secret that a name has as its value, if it has one.
pub fn kind(name: &str) -> Option<Kind> {
    let words = words(name);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let part = |word: &String| PARTS.iter().any(|part| word.contains(part)) || word.ends_with("pwd");
    if has(&CHOSEN) || words.iter().any(part) {
        return Some(Kind::Words);
    }
    let pair = |first: &[&str], second: &[&str]| {
        words.windows(2).any(|pair| first.contains(&pair[0].as_str()) && second.contains(&pair[1].as_str()))
    };
    if has(&TOKENS) || pair(&KEYS, &["key", "keys"]) || pair(&["session", "sess"], &["id"]) {
        return Some(Kind::Token);
    }
    if pair(&["recovery", "seed", "backup"], &["phrase", "words", "code", "codes"]) {
        return Some(Kind::Words);
    }
    let ends_so = |word: &String| word.ends_with("token") || word.ends_with("apikey");
    if words.iter().any(ends_so) {
        return Some(Kind::Token);
    }
    (has(&["tokens"]) || words.iter().any(|word| word.ends_with("tokens"))).then_some(Kind::Count)
}

/// The words of a name, in lower case: split at signs, digits, and where a capital begins a word.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut letters = name.chars().peekable();
    let mut before = ' ';
    while let Some(letter) = letters.next() {
        let ends_capitals = before.is_uppercase() && letters.peek().is_some_and(|next| next.is_lowercase());
        if !letter.is_alphabetic() || (letter.is_uppercase() && (before.is_lowercase() || ends_capitals)) {
            words.push(String::new());
        }
        if letter.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_by_their_words() {
        for name in [
            "password",
            "Passwords",
            "DB_PASSWORD",
            "dbPassword",
            "dbpassword",
            "PGPASSWORD",
            "spring.datasource.password",
            "pw",
            "credentials",
            "client_secret",
            "clientSecret",
            "clientsecret",
            "passphrase",
            "password1",
            "secret_key_base",
            "x-pass",
            "userPwd",
            "mysqlpwd",
        ] {
            assert_eq!(kind(name), Some(Kind::Words), "{name}");
        }
        for name in [
            "token",
            "accessToken",
            "access_token",
            "X-Api-Key",
            "apiKey",
            "api key",
            "APIKey",
            "OTP",
            "pin",
            "AccountKey",
            "X-Amz-Signature",
            "session_id",
            "JSESSIONID",
            "X-Auth-Token",
            "bottoken",
        ] {
            assert_eq!(kind(name), Some(Kind::Token), "{name}");
        }
        for name in [
            "passed", "bypass", "compass", "shipping", "signal", "mapping", "pinned", "assigned", "keyboard",
            "key", "author",
        ] {
            assert_eq!(kind(name), None, "{name}");
        }
        assert_eq!(kind("max_tokens"), Some(Kind::Count));
    }
}

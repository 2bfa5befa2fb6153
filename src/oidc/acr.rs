//! OIDC Core §2 (`acr`), §3.1.2.1 (`acr_values`): how well it was proved who a person is.

wire_enum! {
    /// An authentication context class. Their names are this project's own: the registered ones (RFC 6711) promise how
    /// people were enrolled, which no software knows.
    Acr {
        /// One factor: a password.
        OneFactor = "urn:portcullis:acr:1fa",
    }
}

impl Acr {
    /// The class that these methods (RFC 8176) amount to, if they amount to any.
    pub fn of(amr: &[String]) -> Option<Self> {
        amr.iter().any(|method| method == "pwd").then_some(Self::OneFactor)
    }
}

//! The content security policy, as the browser applies it.

use anyhow::{Context, Result, ensure};
use browser::{JavaScript, scene};
use serde_json::Value;

/// Sends a form to the address it is given; answers with the directive that stopped it. The time-out
/// never comes when the form is sent, because the page and its timers are gone then.
const SEND: &str = "const [target, done] = arguments;
    addEventListener('securitypolicyviolation', event => done(event.effectiveDirective));
    const form = document.createElement('form');
    form.action = target;
    document.body.append(form);
    form.submit();
    setTimeout(() => done('neither sent nor stopped'), 5000);";

#[tokio::test(flavor = "multi_thread")]
async fn t_p55_the_login_page_sends_forms_to_its_own_client_and_nowhere_else() -> Result<()> {
    scene("form-action", JavaScript::On, async |alice| {
        alice.open_app("/login").await?;
        alice.see("form#login").await?;
        let elsewhere = vec![Value::from("http://127.0.0.1:9/elsewhere")];
        let stopped = alice.driver().execute_async(SEND, elsewhere).await.context("send a form elsewhere")?;
        ensure!(stopped.json() == &Value::from("form-action"), "{:?}", stopped.json());

        // The redirect after this form leads to the client's origin, and is followed.
        alice.log_in().await?;
        alice.allow().await?;
        alice.see_signed_in().await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_run_no_script_of_others() -> Result<()> {
    scene("script-policy", JavaScript::On, async |alice| {
        alice.open_app("/login").await?;
        alice.see("form#login").await?;
        let script = "const done = arguments[0];
            addEventListener('securitypolicyviolation', event => done(event.effectiveDirective));
            const script = document.createElement('script');
            script.textContent = 'window.ran = true';
            document.body.append(script);
            setTimeout(() => done(window.ran ? 'ran' : 'nothing happened'), 2000);";
        let stopped = alice.driver().execute_async(script, Vec::new()).await.context("add a script")?;
        ensure!(stopped.json().as_str().is_some_and(|by| by.starts_with("script-src")), "{:?}", stopped.json());
        Ok(())
    })
    .await
}

"""Authlib, which we did not write, as the relying party.

Reads from standard input what a test tells it of a provider, asks the provider for tokens in every way that it knows,
verifies what comes back with Authlib's own rules, and prints a report for the test to judge. An exception is a failure.
With the argument `key` it prints a key pair instead, for `private_key_jwt`.
"""

import json
import sys
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session, OAuthError
from authlib.oauth2.rfc7523 import ClientSecretJWT, PrivateKeyJWT
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import UserInfo
from authlib.oidc.core.claims import get_claim_cls_by_response_type
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, import_key


class Forms(HTMLParser):
    """The first form of a page: where it goes, its fields, and its buttons."""

    def __init__(self, page):
        super().__init__()
        self.action, self.fields, self.buttons, self.inside = None, {}, [], False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form" and self.action is None:
            self.action, self.inside = attributes.get("action") or "", True
        elif self.inside and tag == "input" and attributes.get("name"):
            self.fields[attributes["name"]] = attributes.get("value") or ""
        elif self.inside and tag == "button" and attributes.get("name"):
            self.buttons.append((attributes["name"], attributes.get("value") or ""))

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "form"


def walk(browser, url, person, callback):
    """Follows an authorization request as `person`, who agrees to everything, to the answer for the application."""
    response = browser.get(url, allow_redirects=False)
    for _ in range(12):
        if "location" in response.headers:
            url = urljoin(response.url, response.headers["location"])
            if url.startswith(callback):
                return url
            response = browser.get(url, allow_redirects=False)
            continue
        form = Forms(response.text)
        if form.action is None:
            raise RuntimeError(f"no form at {response.url}: {response.status_code} {response.text}")
        if "password" in form.fields:
            form.fields.update(person)
        elif ("decision", "allow") in form.buttons:
            form.fields["decision"] = "allow"
        response = browser.post(urljoin(response.url, form.action), data=form.fields, allow_redirects=False)
    raise RuntimeError(f"no end at {response.url}")


class Party:
    """One application at the provider."""

    def __init__(self, told, name):
        self.told, self.application = told, told["applications"][name]
        self.metadata = requests.get(told["issuer"] + "/.well-known/openid-configuration").json()
        self.keys = KeySet.import_key_set(requests.get(self.metadata["jwks_uri"]).json())

    def session(self, secret=None, **more):
        secret = secret or self.application.get("secret")
        session = OAuth2Session(
            self.application["id"],
            secret,
            token_endpoint_auth_method=self.application["method"],
            revocation_endpoint_auth_method=self.application["method"],
            redirect_uri=self.told["callback"],
            code_challenge_method="S256",
            **more,
        )
        session.register_client_auth_method(ClientSecretJWT(self.metadata["token_endpoint"]))
        session.register_client_auth_method(PrivateKeyJWT(self.metadata["token_endpoint"], alg="ES256"))
        return session

    def verified(self, id_token, response_type, nonce, **beside):
        """The claims, once signature and every rule for this response type hold; and the rules are seen to bite."""
        token = jwt.decode(id_token, self.keys, algorithms=self.metadata["id_token_signing_alg_values_supported"])
        options = {"iss": {"essential": True, "value": self.metadata["issuer"]}}
        options["aud"] = {"essential": True, "value": self.application["id"]}
        claims_of = get_claim_cls_by_response_type(response_type)
        parameters = {"nonce": nonce, "client_id": self.application["id"], **beside}
        claims_of(token.claims, token.header, options, parameters).validate(leeway=5)
        return token.claims

    def authorize(self, browser, response_type, scope, **more):
        session = self.session(scope=scope)
        nonce, verifier = generate_token(20), generate_token(48)
        if response_type != "code":
            # Authlib sends a challenge with `code` alone.
            if "code" in response_type.split():
                more["code_challenge"] = create_s256_code_challenge(verifier)
                more["code_challenge_method"] = "S256"
        url, state = session.create_authorization_url(
            self.metadata["authorization_endpoint"],
            response_type=response_type,
            code_verifier=verifier,
            nonce=nonce,
            **more,
        )
        answer = walk(browser, url, self.told["person"], self.told["callback"])
        return session, answer, state, nonce, verifier

    def flow(self, response_type):
        """One response type from the request to userinfo."""
        browser = requests.Session()
        scope = "openid profile email groups"
        session, answer, state, nonce, verifier = self.authorize(browser, response_type, scope)
        parts = urlsplit(answer)
        front = dict(parse_qsl(parts.query if response_type == "code" else parts.fragment))
        report = {"where": "query" if parts.query else "fragment", "front": sorted(front)}
        if response_type != "code":
            if "access_token" in front:
                session.token_from_fragment(answer, state)
            elif front["state"] != state:
                raise RuntimeError("another state")
        if "id_token" in front:
            beside = {name: front[name] for name in ("code", "access_token") if name in front}
            claims = self.verified(front["id_token"], response_type, nonce, **beside)
            report["front_id_token"] = sorted(claims)
            report["subject"] = claims["sub"]
        if "code" in front:
            arguments = {"authorization_response": answer, "state": state} if response_type == "code" else {}
            if not arguments:
                arguments = {"grant_type": "authorization_code", "code": front["code"]}
            arguments["redirect_uri"] = self.told["callback"]
            tokens = session.fetch_token(self.metadata["token_endpoint"], code_verifier=verifier, **arguments)
            claims = self.verified(tokens["id_token"], "code", nonce, access_token=tokens["access_token"])
            report["token"] = sorted(tokens)
            report["back_id_token"] = sorted(claims)
            report["same_subject"] = report.setdefault("subject", claims["sub"]) == claims["sub"]
        if session.token:
            about = UserInfo(session.get(self.metadata["userinfo_endpoint"]).json())
            about.validate_locale()
            report["userinfo"] = about
        return report

    def refreshing(self):
        """Refresh, rotation and its end, introspection, revocation."""
        browser = requests.Session()
        session, answer, state, nonce, verifier = self.authorize(
            browser, "code", "openid email offline_access", prompt="consent"
        )
        endpoint = self.metadata["token_endpoint"]
        first = dict(session.fetch_token(endpoint, authorization_response=answer, state=state, code_verifier=verifier))
        second = dict(session.refresh_token(endpoint))
        claims = self.verified(second["id_token"], "code", None, access_token=second["access_token"])
        tell = lambda token: session.introspect_token(self.metadata["introspection_endpoint"], token=token).json()
        active = tell(second["access_token"])
        revoked = session.revoke_token(self.metadata["revocation_endpoint"], token=second["refresh_token"])
        report = {"rotated": first["refresh_token"] != second["refresh_token"], "refreshed": sorted(second)}
        report |= {"nonce": claims.get("nonce") in (None, nonce), "introspection": active, "revoked": revoked.status_code}
        report["afterwards"] = tell(second["access_token"])
        report["refresh_afterwards"] = refused(lambda: session.refresh_token(endpoint))
        return report

    def credentials(self, wrong):
        """The client credentials grant under this application's authentication method, and with a wrong secret."""
        ask = lambda session: session.fetch_token(self.metadata["token_endpoint"], grant_type="client_credentials")
        return {"granted": sorted(ask(self.session())), "with_a_wrong_one": refused(lambda: ask(self.session(wrong)))}


def refused(ask):
    """The wire's error code."""
    try:
        ask()
    except OAuthError as error:
        return error.error
    return None


def main():
    if sys.argv[1:] == ["key"]:
        key = ECKey.generate_key("P-256", parameters={"kid": "authlib"}, auto_kid=False)
        json.dump({"private": key.as_dict(private=True), "public": key.as_dict(private=False)}, sys.stdout)
        return
    told = json.load(sys.stdin)
    everything = Party(told, "everything")
    report = {"flows": {kind: everything.flow(kind) for kind in told["response_types"]}}
    report["refreshing"] = everything.refreshing()
    told["applications"]["private_key_jwt"]["secret"] = import_key(told["applications"]["private_key_jwt"]["secret"])
    stranger = ECKey.generate_key("P-256", parameters={"kid": "authlib"}, auto_kid=False)
    for method, wrong in (
        ("client_secret_basic", "wrong"),
        ("client_secret_post", "wrong"),
        ("client_secret_jwt", "w" * 43),
        ("private_key_jwt", stranger),
    ):
        report[method] = Party(told, method).credentials(wrong)
    json.dump(report, sys.stdout)


main()

(function () {
  "use strict";
  var root = document.documentElement, cookie = root.getAttribute("data-cookie");

  // FIPS 180-4. crypto.subtle is not everywhere, and answers too late for a page that asks twice a second.
  function sha256(text) {
    var primes = [], n, i, j, K = [], H = [], W = [], bytes = [], words, s, t, u, out = "";
    for (n = 2; primes.length < 64; n++) {
      for (i = 0; i < primes.length && n % primes[i]; i++) {}
      if (i === primes.length) { primes.push(n); }
    }
    function fraction(x) { return ((x - Math.floor(x)) * 4294967296) | 0; }
    for (i = 0; i < 64; i++) { K[i] = fraction(Math.pow(primes[i], 1 / 3)); }
    for (i = 0; i < 8; i++) { H[i] = fraction(Math.sqrt(primes[i])); }
    function turn(x, by) { return (x >>> by) | (x << (32 - by)); }

    text = unescape(encodeURIComponent(text));
    for (i = 0; i < text.length; i++) { bytes.push(text.charCodeAt(i)); }
    bytes.push(128);
    while (bytes.length % 64 !== 56) { bytes.push(0); }
    for (i = 7; i >= 0; i--) { bytes.push(Math.floor(text.length * 8 / Math.pow(256, i)) % 256); }

    for (j = 0; j < bytes.length; j += 64) {
      for (i = 0; i < 16; i++) {
        n = j + 4 * i;
        W[i] = (bytes[n] << 24) | (bytes[n + 1] << 16) | (bytes[n + 2] << 8) | bytes[n + 3];
      }
      for (i = 16; i < 64; i++) {
        s = turn(W[i - 15], 7) ^ turn(W[i - 15], 18) ^ (W[i - 15] >>> 3);
        t = turn(W[i - 2], 17) ^ turn(W[i - 2], 19) ^ (W[i - 2] >>> 10);
        W[i] = (W[i - 16] + s + W[i - 7] + t) | 0;
      }
      words = H.slice();
      for (i = 0; i < 64; i++) {
        s = turn(words[4], 6) ^ turn(words[4], 11) ^ turn(words[4], 25);
        t = (words[7] + s + ((words[4] & words[5]) ^ (~words[4] & words[6])) + K[i] + W[i]) | 0;
        s = turn(words[0], 2) ^ turn(words[0], 13) ^ turn(words[0], 22);
        u = (s + ((words[0] & words[1]) ^ (words[0] & words[2]) ^ (words[1] & words[2]))) | 0;
        words.unshift((t + u) | 0);
        words[4] = (words[4] + t) | 0;
        words.pop();
      }
      for (i = 0; i < 8; i++) { H[i] = (H[i] + words[i]) | 0; }
    }
    for (i = 0; i < 8; i++) {
      for (j = 24; j >= 0; j -= 8) { out += String.fromCharCode((H[i] >>> j) & 255); }
    }
    return btoa(out).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
  }

  function browserState() {
    var pairs = document.cookie.split("; "), i;
    for (i = 0; i < pairs.length; i++) {
      if (pairs[i].indexOf(cookie + "=") === 0) { return pairs[i].slice(cookie.length + 1); }
    }
    return "";
  }

  window.addEventListener("message", function (event) {
    var parts, state, salt;
    // An opaque origin can be sent no answer, and no session_state was made for it.
    if (!event.source || event.origin === "null" || typeof event.data !== "string") { return; }
    function answer(text) { event.source.postMessage(text, event.origin); }
    parts = /^([\x21-\x7e]+) ([\w-]+)\.([\w-]+)$/.exec(event.data);
    if (!parts) { return answer("error"); }
    state = browserState();
    salt = parts[3];
    if (state) {
      return answer(sha256([parts[1], event.origin, state, salt].join(" ")) === parts[2] ? "unchanged" : "changed");
    }
    // No cookie: nobody is logged in, or this browser keeps it back from frames. In that case "changed" would have the
    // application ask again and again, for ever; at "error" it does not (Session Management, section 3.1).
    if (!document.hasStorageAccess) { return answer("changed"); }
    document.hasStorageAccess().then(
      function (seen) { answer(seen ? "changed" : "error"); },
      function () { answer("error"); }
    );
  });
})();

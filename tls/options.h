// The settings of both sides. The defaults are today's: TLS 1.2 and 1.3, the ciphers of Mozilla's
// "intermediate" recommendation, certificates verified.

#ifndef CORELANE_TLS_OPTIONS_H_
#define CORELANE_TLS_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace corelane::tls {

enum class Version : uint16_t { kTls12 = 0x0303, kTls13 = 0x0304 };

// PEM, as text or in a file. A file is read anew by each Reload.
struct Pem {
  static Pem Text(std::string text) { return {std::move(text), ""}; }
  static Pem File(std::string path) { return {"", std::move(path)}; }

  bool empty() const { return text.empty() && file.empty(); }

  std::string text;
  std::string file;  // Instead of the text.
};

// A certificate and its private key.
struct Identity {
  Pem chain;  // The certificate first, then its issuers without the root.
  Pem key;    // Unencrypted.
  // Servers: the host names that it is for, "*.example.com" for one label more. Those of the
  // certificate where there are none here.
  std::vector<std::string> names;
};

struct CommonOptions {
  Version min_version = Version::kTls12;
  Version max_version = Version::kTls13;
  std::string ciphers =  // Of TLS 1.2, in OpenSSL's notation.
      "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
      "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
      "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305";
  std::string cipher_suites =  // Of TLS 1.3.
      "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
  std::string groups = "X25519:P-256:P-384";
  // Application protocols, best first: "h2", "http/1.1". A server chooses by its own order, and
  // refuses clients that offer only others (RFC 7301 §3.2); one without any ignores offers.
  std::vector<std::string> alpn;
  // Secrets of each connection are appended to this file, for Wireshark and its like: tests only.
  std::string key_log_file;
};

enum class ClientCertificates : uint8_t {
  kNone,
  kRequested,  // Verified where the client has one.
  kRequired,
};

struct ServerOptions : CommonOptions {
  // At least one; the first is for clients that ask for a name of none of them, or for no name.
  // Several for one name may differ in the type of their keys.
  std::vector<Identity> identities;
  bool refuse_unknown_names = false;  // Instead of the first identity.
  ClientCertificates client_certificates = ClientCertificates::kNone;
  Pem client_ca;  // Needed unless kNone.
  // Session tickets (RFC 8446 §4.6.1, RFC 5077). Their keys are in this process only; they outlive
  // a Reload, and are replaced after half of the lifetime.
  bool tickets = true;
  std::chrono::seconds ticket_lifetime = std::chrono::hours(24);
};

enum class Verification : uint8_t {
  kFull,  // Chain, dates, and the server's name or address.
  kNoneWhichIsInsecure,
};

struct ClientOptions : CommonOptions {
  Verification verification = Verification::kFull;
  Pem ca;                            // The system's where empty.
  std::vector<Identity> identities;  // At most one: the client's certificate.
  // Servers whose sessions are remembered, so that the next connection is cheaper; 0 for none.
  size_t remembered_servers = 256;
};

}  // namespace corelane::tls

#endif  // CORELANE_TLS_OPTIONS_H_

#include "exporter/wire/wire_client.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <asio.hpp>
#include <cstdlib>
#include <set>
#include <utility>

#include "exporter/base/error.h"
#include "exporter/base/file.h"
#include "exporter/base/host_port.h"
#include "exporter/base/resolve.h"
#include "exporter/base/text.h"
#include "exporter/db/keywords.h"
#include "exporter/tls/hosts_file.h"
#include "exporter/tls/openssl.h"

namespace pgtls::wire {
namespace {

// Each costs a handshake, and all of them one half of a collection's time.
constexpr std::size_t kMostNames = 64;

// A host and port of which the address may not be known yet.
struct Wanted {
  std::string host;     // may be empty
  std::string address;  // numeric; empty: resolve `host`
  std::string port;
};

bool IsSocketDirectory(const Wanted& wanted) {
  return wanted.address.empty() &&
         (wanted.host.empty() || wanted.host.starts_with('/') || wanted.host.starts_with('@'));
}

// The conninfo's hosts, before anything connected: libpq's lists of host, hostaddr and port.
std::vector<Wanted> HostsOf(const db::Target& target) {
  const auto hosts = SplitList(target.option("host"), ',');
  const auto addresses = SplitList(target.option("hostaddr"), ',');
  const auto ports = SplitList(target.option("port"), ',');
  std::vector<Wanted> all;
  for (std::size_t i = 0; i < std::max(hosts.size(), addresses.size()); ++i) {
    Wanted wanted;
    if (i < hosts.size()) wanted.host = hosts[i];
    if (i < addresses.size()) wanted.address = addresses[i];
    wanted.port = i < ports.size() ? ports[i] : ports[0];
    if (wanted.port.empty()) wanted.port = "5432";
    all.push_back(std::move(wanted));
  }
  return all;
}

std::vector<Wanted> WhereTo(const sampling::Context& context) {
  if (const auto& endpoint = context.server.endpoint) return {{endpoint->host, "", std::to_string(endpoint->port)}};
  if (!context.peer) return HostsOf(context.target);
  const db::Peer& peer = *context.peer;
  if (!peer.address) return {{"", "", ""}};
  // With hostaddr alone libpq's PQhost is the address, but there is no name for a certificate to bear.
  const bool named = !context.target.option("host").empty();
  const ZonedAddress address{*peer.address, peer.zone};
  return {{named ? peer.host : "", address.ToString(), std::to_string(peer.port)}};
}

// Blocks.
std::vector<WireClient::Place> PlacesOf(const std::vector<Wanted>& all, bool sni) {
  std::vector<WireClient::Place> places;
  std::string failure = "no address";
  for (const Wanted& wanted : all) {
    if (IsSocketDirectory(wanted)) continue;
    const bool numeric = !wanted.address.empty();
    try {
      for (const auto& address : Resolve(numeric ? wanted.address : wanted.host, wanted.port, numeric)) {
        places.push_back({{address, sni ? wanted.host : ""}, wanted.host});
      }
    } catch (const Error& error) {
      failure = error.what();
    }
  }
  if (places.empty()) throw Error(FailureReason::kConnection, failure);
  return places;
}

// pqGetHomeDirectory.
std::string HomeDirectory() {
  const char* const home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe): no code sets it
  if (home != nullptr && *home != '\0') return home;
  passwd entry{};
  passwd* found = nullptr;
  std::string buffer(16384, '\0');
  getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? "" : found->pw_dir;
}

std::string FileOption(const db::Target& target, std::string_view name, std::string_view default_name) {
  const std::string& value = target.option(name);
  if (!value.empty()) return value;
  const std::string home = HomeDirectory();
  return home.empty() ? "" : fmt::format("{}/.postgresql/{}", home, default_name);
}

// 0: it exists, as libpq asks it.
int StatError(const std::string& path) {
  struct stat status{};
  if (path.empty()) return ENOENT;
  return stat(path.c_str(), &status) == 0 ? 0 : errno;
}

// Runs a step that fails if libpq's own preparation of TLS fails.
template <typename Load>
void Guarded(WireClient& client, Load load) {
  try {
    load();
  } catch (const TlsError& error) {
    client.usable = false;
    client.problem += (client.problem.empty() ? "" : "; ") + std::string(error.what());
  }
}

void LoadRoot(const db::Target& target, WireClient& client) {
  const std::string& named = target.option("sslrootcert");
  if (named == "system") {
    client.weakest = tls::SslMode::kVerifyFull;
    client.root_file = "the system's root certificates";
    client.root = tls::RootCertificate::kUnusable;
    Guarded(client, [&] {
      client.trust = tls::TrustStore::System();
      client.root = tls::RootCertificate::kLoaded;
    });
    return;
  }
  const std::string root = FileOption(target, "sslrootcert", "root.crt");
  const int root_error = StatError(root);
  if (root_error != 0) {
    if (!named.empty()) client.root_problem = ProblemOf({root_error, std::generic_category()});
    return;
  }
  client.root_file = root;
  client.root_is_default = named.empty();
  client.root = tls::RootCertificate::kUnusable;
  std::string crl = target.option("sslcrl");
  const std::string& crl_directory = target.option("sslcrldir");
  if (crl.empty() && crl_directory.empty()) crl = FileOption(target, "sslcrl", "root.crl");
  Guarded(client, [&] {
    client.trust = tls::TrustStore::LoadShared(root, crl, crl_directory);
    client.root = tls::RootCertificate::kLoaded;
  });
}

// sslpassword is not kept in `target`.
void LoadIdentity(const db::Target& target, const std::string& conninfo, WireClient& client) {
  const std::string& mode = target.option("sslcertmode");
  const std::string certificate = FileOption(target, "sslcert", "postgresql.crt");
  if (mode == "disable" || StatError(certificate) != 0) return;
  client.certificate_file = certificate;
  Guarded(client, [&] {
    client.identity = tls::ClientIdentity::Load(certificate, FileOption(target, "sslkey", "postgresql.key"),
                                                db::OwnValue(conninfo, "sslpassword"));
  });
}

// initialize_SSL's preparation (fe-secure-openssl.c). Options that libpq does not know are not in `target`. Blocks.
void LoadFiles(const db::Target& target, const std::string& conninfo, WireClient& client) {
  Guarded(client, [&] {
    client.context =
        tls::LibpqContext(target.option("ssl_min_protocol_version"), target.option("ssl_max_protocol_version"));
  });
  client.demands = {target.option("require_auth"), target.option("sslcertmode") == "require"};
  client.direct = target.option("sslnegotiation") == "direct";
  if (client.direct) client.weakest = tls::SslMode::kRequire;
  LoadRoot(target, client);
  LoadIdentity(target, conninfo, client);
}

asio::awaitable<tls::TlsResult> ProbeAsLibpq(const WireClient& client, const tls::WireTarget& target,
                                             Deadline deadline) {
  const tls::ContextPtr context = client.context == nullptr ? tls::PermissiveContext() : client.context;
  co_return co_await tls::ProbeTls(target, {.context = context, .direct = client.direct}, deadline, client.on_connect);
}

// The second handshake, if it can show more. Not after a refused name: the server refuses it to every client.
asio::awaitable<void> ShowMore(const WireClient& client, const tls::WireTarget& target, Deadline deadline,
                               Handshakes& handshakes) {
  handshakes.shown = handshakes.as_libpq;
  handshakes.answer = handshakes.as_libpq.answer;
  const auto handshake = handshakes.as_libpq.handshake;
  const bool failed =
      handshake && handshake != tls::Handshake::kFinished && handshakes.as_libpq.alert != SSL_AD_UNRECOGNIZED_NAME;
  if (!failed && !(client.direct && handshakes.as_libpq.reachable)) co_return;
  const tls::TlsProbe everything = {.context = tls::PermissiveContext()};
  const auto second = co_await tls::ProbeTls(target, everything, deadline, client.on_connect);
  if (client.direct) handshakes.answer = second.answer;
  if (failed && second.handshake == tls::Handshake::kFinished) handshakes.shown = second;
}

// The names of the configuration and, as far as they were read, of pg_hosts.conf.
void FindNames(const sampling::Context& context, WireClient& client) {
  client.names = context.server.endpoint_names;
  const auto hosts = context.facts().Get<tls::HostsFile>();
  const std::vector<tls::HostEntry> entries = hosts ? hosts->entries : std::vector<tls::HostEntry>();
  std::set<std::string> known;
  for (const std::string& name : client.names) known.insert(Lower(name));
  for (const tls::HostEntry& entry : entries) {
    if (!IsHostName(entry.host) || !known.insert(Lower(entry.host)).second) continue;
    client.more_names = client.names.size() == kMostNames;
    if (client.more_names) break;
    client.names.push_back(entry.host);
  }
  if (!client.names.empty() || !entries.empty()) client.names.emplace_back(tls::kWithoutSni);
}

bool OffersTls(const WireClient& client, const Handshakes& handshakes) {
  return handshakes.answer == tls::Answer::kYes || (client.direct && handshakes.shown.handshake);
}

// What MakeNameHandshakes() tries at `target`.
std::vector<std::string> NamesAt(const WireClient& client, const tls::WireTarget& target) {
  std::vector<std::string> names;
  for (const std::string& name : client.names) {
    const bool is_own = name == tls::kWithoutSni ? !tls::SendsSni(target.host) : Lower(name) == Lower(target.host);
    if (!is_own) names.push_back(name);
  }
  return names;
}

IpAddress AddressOf(const asio::ip::tcp::endpoint& endpoint) {
  const asio::ip::address& address = endpoint.address();
  return address.is_v4() ? IpAddress::V4(address.to_v4().to_uint()) : IpAddress::V6(address.to_v6().to_bytes());
}

// Null if there is none.
const NameHandshakes* RefusedWithoutSni(const std::vector<NameHandshakes>* known) {
  if (known == nullptr) return nullptr;
  const auto found = std::ranges::find(*known, tls::kWithoutSni, &NameHandshakes::host);
  const bool refused = found != known->end() && found->shown.handshake == tls::Handshake::kRefusedByServer;
  return refused ? &*found : nullptr;
}

}  // namespace

asio::awaitable<std::optional<WireClient>> MakeWireClient(sampling::Context& context) {
  const std::vector<Wanted> wanted = WhereTo(context);
  if (IsSocketDirectory(wanted.front())) co_return std::nullopt;
  // The work may outlive this coroutine, so it owns everything that it uses.
  std::function<std::vector<WireClient::Place>()> resolve = [wanted, sni = context.target.option("sslsni") != "0"] {
    return PlacesOf(wanted, sni);
  };
  // An address needs no resolver, so it does not wait behind names that hang.
  const bool named = std::ranges::any_of(wanted, [](const Wanted& one) { return one.address.empty(); });
  std::vector<WireClient::Place> places;
  if (named) {
    places = co_await context.blocking.RunWaiting(std::move(resolve));
  } else {
    places = resolve();
  }
  std::function<WireClient()> load = [target = context.target, conninfo = context.server.conninfo] {
    WireClient files;
    LoadFiles(target, conninfo, files);
    return files;
  };
  WireClient client = co_await context.blocking.Run(std::move(load));
  client.places = std::move(places);
  FindNames(context, client);
  client.elsewhere = context.server.endpoint.has_value();
  client.user = context.peer ? context.peer->user : context.target.option("user");
  client.database = context.peer ? context.peer->database : context.target.option("dbname");
  if (client.database.empty()) client.database = client.user;
  client.on_connect = [&own = context.own_backends](const asio::ip::tcp::endpoint& local) {
    own.Connected({AddressOf(local), local.port()});
  };
  client.cluster = context.cluster;
  co_return client;
}

int SecurityLevel(const WireClient& client) {
  return SSL_CTX_get_security_level(client.context == nullptr ? tls::PermissiveContext().get() : client.context.get());
}

Deadline SplitDeadline(Deadline deadline, int shares) {
  const Deadline now = std::chrono::steady_clock::now();
  return now + (deadline - now) / shares;
}

asio::awaitable<ServerHandshakes> MakeHandshakes(const WireClient& client, Deadline deadline) {
  ServerHandshakes handshakes;
  for (std::size_t i = 0; i < client.places.size() && !handshakes.as_libpq.reachable; ++i) {
    const int shares = static_cast<int>(client.places.size() - i) + 1;
    handshakes.place = i;
    handshakes.as_libpq = co_await ProbeAsLibpq(client, client.places[i].target, SplitDeadline(deadline, shares));
  }
  co_await ShowMore(client, client.places[handshakes.place].target, deadline, handshakes);
  co_return handshakes;
}

asio::awaitable<std::vector<NameHandshakes>> MakeNameHandshakes(const WireClient& client,
                                                                const ServerHandshakes& handshakes,
                                                                const std::vector<NameHandshakes>* known,
                                                                Deadline deadline) {
  std::vector<NameHandshakes> found;
  if (!OffersTls(client, handshakes)) co_return found;
  tls::WireTarget target = client.places[handshakes.place].target;
  const std::vector<std::string> names = NamesAt(client, target);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (const NameHandshakes* const refusal = names[i] == tls::kWithoutSni ? RefusedWithoutSni(known) : nullptr) {
      found.push_back(*refusal);
      continue;
    }
    target.host = names[i] == tls::kWithoutSni ? "" : names[i];
    const int shares = static_cast<int>(names.size() - i);
    const Deadline end = SplitDeadline(deadline, shares);
    NameHandshakes& one = found.emplace_back();
    one.host = names[i];
    one.as_libpq = co_await ProbeAsLibpq(client, target, SplitDeadline(end, 2));
    co_await ShowMore(client, target, end, one);
  }
  co_return found;
}

const ServerHandshakes* RecentHandshakes(const WireObservation* known, const WireClient& client,
                                         std::chrono::nanoseconds age) {
  if (known == nullptr || std::chrono::steady_clock::now() - known->made > age) return nullptr;
  const bool same_target = std::ranges::any_of(
      client.places, [known](const WireClient::Place& place) { return place.target == known->target; });
  if (!same_target) return nullptr;
  const auto names = OffersTls(client, known->handshakes) ? NamesAt(client, known->target) : std::vector<std::string>();
  return std::ranges::equal(known->handshakes.names, names, {}, &NameHandshakes::host) ? &known->handshakes : nullptr;
}

}  // namespace pgtls::wire

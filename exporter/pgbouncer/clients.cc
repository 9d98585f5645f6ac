#include "exporter/pgbouncer/clients.h"

#include <unistd.h>

#include <algorithm>
#include <asio.hpp>
#include <charconv>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "exporter/base/error.h"
#include "exporter/sampling/ask_until_sure.h"

namespace pgtls::pgbouncer {
namespace {

using sampling::OwnBackends;
using sessions::Session;

const db::Statement kShowClients = {"pgbouncer_clients", "SHOW CLIENTS"};
const db::Statement kShowLists = {"pgbouncer_lists", "SHOW LISTS"};
const db::Statement kShowSockets = {"pgbouncer_sockets", "SHOW SOCKETS"};

constexpr std::string_view kConsole = "pgbouncer";  // the database
constexpr std::string_view kUnixSocket = "unix";    // in place of an address
constexpr std::string_view kNoUserYet = "(nouser)";
constexpr std::string_view kLoggingIn = "cl_login";        // a state of SHOW SOCKETS
constexpr std::string_view kWaiting = "waiting";           // for a server connection, also for that of auth_query
constexpr std::string_view kCancelRequest = "cancel_req";  // in the names of two states

// From 1.25 on the cipher that is shown for TLS 1.3 is the first of PgBouncer's own list, not the negotiated one.
constexpr int kShowsWrongCipher = 12500;

// "TLSv1.3/TLS_AES_256_GCM_SHA384", "TLSv1.2/ECDHE-RSA-AES256-GCM-SHA384/ECDH=prime256v1"; empty without TLS.
void SetTls(std::string_view text, int version, Session& session) {
  session.ssl = !text.empty();
  const std::size_t end = text.find('/');
  session.version = text.substr(0, end);
  if (end == std::string_view::npos || (version >= kShowsWrongCipher && session.version == "TLSv1.3")) return;
  const std::string_view rest = text.substr(end + 1);
  session.cipher = rest.substr(0, rest.find('/'));
}

// Rows of SHOW CLIENTS or SHOW SOCKETS. The columns have changed with the versions: 1.24 is the first with `id`.
class ClientRows {
 public:
  explicit ClientRows(db::Result rows) : rows_(std::move(rows)) {}

  int size() const { return rows_.rows(); }
  std::string_view state(int row) const { return TextOf(row, state_); }
  std::string_view request_time(int row) const { return TextOf(row, request_time_); }
  std::string_view database(int row) const { return TextOf(row, database_); }
  Session At(int row, int version, const ConsoleClock& clock) const {
    const bool local = TextOf(row, addr_) == kUnixSocket;
    Session session = {
        .id = IdOf(row),
        .backend_start_us = clock.Microseconds(TextOf(row, connect_time_)),
        .database = TextOf(row, database_),
        .user = TextOf(row, user_) == kNoUserYet ? std::string_view() : TextOf(row, user_),
        .application_name = application_name_ ? TextOf(row, *application_name_) : "",
        .client_addr = local ? "" : TextOf(row, addr_),
        .client_port = local ? -1 : static_cast<int>(rows_.RequireInt(row, port_)),
        .backend_type = "pgbouncer client",
        .authenticating = state(row) == kLoggingIn || (state(row) == kWaiting && TextOf(row, user_) == kNoUserYet),
    };
    SetTls(TextOf(row, tls_), version, session);
    return session;
  }
  // Of a client over a Unix socket: its process, as the pooler sees it.
  std::int64_t process(int row) const { return rows_.Int(row, remote_pid_).value_or(0); }
  Identity IdentityAt(int row, const ConsoleClock& clock) const {
    return {.id = IdOf(row),
            .place = PlaceOf(row),
            .start_us = clock.Microseconds(TextOf(row, connect_time_)),
            .process = process(row),
            .port = static_cast<int>(rows_.RequireInt(row, port_))};
  }
  // Adds what At() is made from.
  void Digest(int row, Digester& digester) const {
    digester.Number(state(row) == kWaiting && TextOf(row, user_) == kNoUserYet);
    for (const int column : {database_, user_, addr_, port_, connect_time_, id_.value_or(ptr_), tls_}) {
      digester.Text(TextOf(row, column));
    }
    if (application_name_) digester.Text(TextOf(row, *application_name_));
  }

 private:
  std::string_view TextOf(int row, int column) const { return rows_.Text(row, column).value_or(""); }
  // As unique as a pid: the number that the pooler gave it, else its place in the pooler's memory.
  std::int64_t IdOf(int row) const { return id_ ? rows_.RequireInt(row, *id_) : PlaceOf(row); }
  std::int64_t PlaceOf(int row) const {
    const std::string_view text = rows_.RequireText(row, ptr_);
    std::int64_t place = 0;
    if (text.starts_with("0x")) std::from_chars(text.data() + 2, text.data() + text.size(), place, 16);
    return place;
  }

  db::Result rows_;
  const int database_ = rows_.Column("database");
  const int user_ = rows_.Column("user");
  const int state_ = rows_.Column("state");
  const int addr_ = rows_.Column("addr");
  const int port_ = rows_.Column("port");
  const int connect_time_ = rows_.Column("connect_time");
  const int request_time_ = rows_.Column("request_time");
  const int remote_pid_ = rows_.Column("remote_pid");
  const int tls_ = rows_.Column("tls");
  const std::optional<int> id_ = rows_.FindColumn("id");
  const int ptr_ = rows_.Column("ptr");
  const std::optional<int> application_name_ = rows_.FindColumn("application_name");
};

// The exporter's own console session over a Unix socket: its process may have another number, or none, for a pooler in
// another container. This hides no client of the network: a Unix socket is local.
bool IsOwnOverSocket(const Session& client, std::int64_t process, std::string_view own_user) {
  if (process == getpid()) return true;
  return client.database == kConsole && client.user == own_user && client.application_name == "pg_tls_exporter";
}

class ShownClients : public Clients {
 public:
  ShownClients(ClientRows clients, std::optional<ClientRows> sockets, int version, ConsoleClock clock,
               std::int64_t now_us)
      : clients_(std::move(clients)),
        sockets_(std::move(sockets)),
        version_(version),
        clock_(std::move(clock)),
        now_us_(now_us) {}

  // Leaves out what is no client, and what is the exporter's. Returns whether one of the others may be the exporter's.
  bool Select(OwnBackends& own, std::string_view own_user, const sampling::SnapshotTime& time) {
    bool unsure = false;
    const auto select = [&](const ClientRows& rows, int row) {
      const Session client = rows.At(row, version_, clock_);
      const OwnBackends::Owner owner = OwnerOf(client, rows.process(row), own, own_user, time);
      unsure = unsure || owner == OwnBackends::Owner::kUnsure;
      if (owner == OwnBackends::Owner::kExporter) return;
      selected_.push_back({&rows, row});
    };
    selected_.reserve(static_cast<std::size_t>(clients_.size()));
    identities_.reserve(static_cast<std::size_t>(clients_.size()));
    for (int row = 0; row < clients_.size(); ++row) {
      identities_.push_back(clients_.IdentityAt(row, clock_));
      if (clients_.state(row).find(kCancelRequest) == std::string_view::npos) select(clients_, row);
    }
    std::ranges::sort(identities_);
    for (int row = 0; sockets_ && row < sockets_->size(); ++row) {
      if (sockets_->state(row) == kLoggingIn) select(*sockets_, row);
    }
    return unsure;
  }

  std::int64_t now_us() const override { return now_us_; }
  int size() const override { return static_cast<int>(selected_.size()); }
  Session At(int row) const override {
    const auto& [rows, number] = selected_[static_cast<std::size_t>(row)];
    return rows->At(number, version_, clock_);
  }
  Identity IdentityAt(int row) const override {
    const auto& [rows, number] = selected_[static_cast<std::size_t>(row)];
    return rows->IdentityAt(number, clock_);
  }
  const std::vector<Identity>& identities() const override { return identities_; }
  void Digest(int row, Digester& digester) const override {
    const auto& [rows, number] = selected_[static_cast<std::size_t>(row)];
    digester.Number(rows == &clients_);
    rows->Digest(number, digester);
  }

 private:
  OwnBackends::Owner OwnerOf(const Session& client, std::int64_t process, OwnBackends& own, std::string_view own_user,
                             const sampling::SnapshotTime& time) const {
    if (client.client_port == -1) {
      return IsOwnOverSocket(client, process, own_user) ? OwnBackends::Owner::kExporter : OwnBackends::Owner::kOther;
    }
    const auto address = IpAddress::Parse(client.client_addr);
    if (!address) return OwnBackends::Owner::kOther;
    const std::chrono::microseconds age(now_us_ - client.backend_start_us);
    return own.OwnerOf(sampling::SeenClient{{*address, *client.client_port}, client.user, age}, time);
  }

  struct Selected {
    const ClientRows* rows;
    int row;
  };

  const ClientRows clients_;
  const std::optional<ClientRows> sockets_;
  const int version_;
  const ConsoleClock clock_;
  const std::int64_t now_us_;
  std::vector<Selected> selected_;
  std::vector<Identity> identities_;
};

// The console's time: when it was asked for this list. A console session is always in it.
std::string_view ConsoleTime(const ClientRows& clients) {
  std::string_view latest;
  for (int row = 0; row < clients.size(); ++row) {
    if (clients.database(row) == kConsole) latest = std::max(latest, clients.request_time(row));
  }
  return latest;
}

bool SomeAreLoggingIn(const db::Result& lists) {
  const int list = lists.Column("list");
  const int items = lists.Column("items");
  for (int row = 0; row < lists.rows(); ++row) {
    if (lists.RequireText(row, list) == "login_clients") return lists.RequireInt(row, items) > 0;
  }
  throw Error(FailureReason::kError, "SHOW LISTS does not show login_clients");
}

struct Snapshot {
  std::unique_ptr<ShownClients> clients;
  bool unsure = false;
};

asio::awaitable<Snapshot> Ask(db::Session& session, OwnBackends& own, std::string_view own_user, ConsoleClock& clock,
                              Deadline deadline) {
  sampling::SnapshotTime time{.asked = std::chrono::steady_clock::now(), .answered = {}};
  std::vector<db::Request> requests = {{kShowClients, {}}, {kShowLists, {}}};
  std::vector<db::Answer> answers = co_await session.QueryAll(std::move(requests), deadline);
  time.answered = std::chrono::steady_clock::now();
  ClientRows clients(db::Take(std::move(answers[0])));
  std::optional<ClientRows> sockets;
  if (SomeAreLoggingIn(db::Take(std::move(answers[1])))) {
    sockets.emplace(co_await session.Query(kShowSockets, {}, deadline));
  }
  const std::string_view now = ConsoleTime(clients);
  clock.Set(now, std::chrono::system_clock::now());
  const std::int64_t now_us = clock.Microseconds(now);
  Snapshot snapshot;
  snapshot.clients =
      std::make_unique<ShownClients>(std::move(clients), std::move(sockets), session.server_version(), clock, now_us);
  snapshot.unsure = snapshot.clients->Select(own, own_user, time);
  co_return snapshot;
}

}  // namespace

asio::awaitable<std::unique_ptr<const Clients>> ClientReader::Read(db::Session& session, OwnBackends& own,
                                                                   std::string_view own_user, Deadline deadline) {
  const std::function<asio::awaitable<Snapshot>()> ask = [&] { return Ask(session, own, own_user, clock_, deadline); };
  Snapshot snapshot = co_await sampling::AskUntilSure(ask, deadline);
  co_return std::move(snapshot.clients);
}

}  // namespace pgtls::pgbouncer

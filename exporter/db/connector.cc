#include "exporter/db/connector.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <optional>
#include <utility>

#include "exporter/base/error.h"
#include "exporter/base/file.h"
#include "exporter/base/log.h"
#include "exporter/db/default_sslmode.h"
#include "exporter/db/login_error.h"
#include "exporter/db/socket_name.h"

namespace pgtls::db {
namespace {

// What a step on the pool's thread may use; it outlives an abandoned connection attempt.
struct Attempt {
  explicit Attempt(ConnectOptions connect_options) : options(std::move(connect_options)) {}
  ~Attempt() {
    if (options.closing) options.closing->Finish(std::move(conn));
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  ConnectOptions options;
  ConnHandle conn;
  bool lacks_passphrase = false;  // sslkey is encrypted, and there is no sslpassword
};

// Whether libpq asked in the current step for the passphrase of a client key and got none.
thread_local bool t_lacks_passphrase = false;

// Without a hook OpenSSL would prompt on the terminal (fe-secure-openssl.c, initialize_SSL). libpq's own hook returns
// sslpassword.
int GivePassphrase(char* buffer, int size, PGconn* conn) {
  const int length = PQdefaultSSLKeyPassHook_OpenSSL(buffer, size, conn);
  if (length == 0) t_lacks_passphrase = true;
  return length;
}

PostgresPollingStatusType Poll(Attempt& attempt) {
  t_lacks_passphrase = false;
  const PostgresPollingStatusType status = PQconnectPoll(attempt.conn.get());
  attempt.lacks_passphrase |= t_lacks_passphrase;
  return status;
}

void IgnoreNotice(void* /*unused*/, const PGresult* notice) {
  const char* text = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
  log::Debug("notice from a server", {{"message", text != nullptr ? text : ""}});
}

// `sslmode`: overrides all others; may be null.
ConnHandle Open(const ConnectOptions& options, const std::string& password, const char* sslmode) {
  const auto unless_empty = [](const std::string& text) { return text.empty() ? nullptr : text.c_str(); };
  // Later entries override earlier ones: a password file overrides a password in the string, the string our defaults.
  // Only the first dbname may be a conninfo.
  const std::array<const char*, 6> keywords = {
      "fallback_application_name", "dbname", "dbname", "password", "sslmode", nullptr};
  const std::array<const char*, 6> values = {"pg_tls_exporter",
                                             options.conninfo.c_str(),
                                             unless_empty(options.database),
                                             unless_empty(password),
                                             sslmode,
                                             nullptr};
  ConnHandle conn(PQconnectStartParams(keywords.data(), values.data(), 1));
  if (!conn) throw Error(FailureReason::kError, "out of memory");
  return conn;
}

// libpq refused the options, before it opened anything.
bool LacksVerifyFull(const std::string& conninfo, const ConnHandle& conn) {
  if (PQstatus(conn.get()) != CONNECTION_BAD) return false;
  const ConninfoHandle merged(PQconninfo(conn.get()));
  return DefaultsToVerifyFull(conninfo, merged.get());
}

void Start(Attempt& attempt) {
  std::string password;
  if (!attempt.options.password_file.empty()) {
    try {
      password = ReadPasswordFile(attempt.options.password_file);
    } catch (const std::system_error& error) {
      throw LoginError(LoginProblem::kPasswordFile, FailureReason::kAuthentication, "",
                       std::string("password_file ") + error.what());
    }
  }
  attempt.conn = Open(attempt.options, password, nullptr);
  if (LacksVerifyFull(attempt.options.conninfo, attempt.conn)) {
    attempt.conn = Open(attempt.options, password, "verify-full");
  }
  PQsetNoticeReceiver(attempt.conn.get(), IgnoreNotice, nullptr);
  PQsetErrorVerbosity(attempt.conn.get(), PQERRORS_VERBOSE);
}

[[noreturn]] void ThrowConnectError(const Attempt& attempt) {
  std::string message = PQerrorMessage(attempt.conn.get());
  if (attempt.lacks_passphrase) {
    while (message.ends_with('\n')) message.pop_back();
    message += " (the key is encrypted, and the conninfo has no sslpassword)";
  }
  throw ReadConnectError(message, PQconnectionNeedsPassword(attempt.conn.get()) != 0);
}

// libpq's asynchronous interface ignores connect_timeout, so a first host that does not answer would hide the second
// forever. One repeated SYN (3 s) is enough. Each step may have opened another socket.
void BoundSyn(int socket) {
  const int once = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_SYNCNT, &once, sizeof(once));  // fails on a Unix socket, where it is not needed
}

// Frees memory that a connection needs only for its handshake. Measured with libpq 15 and OpenSSL 3.0: growth of VmRSS
// by 100 connections with sslmode=verify-full after an answer of 20 kB each. With the system's 144 CAs as sslrootcert:
// 910 kB per connection, 101 kB without the trust store, 93 kB also without full-size buffers.
void ReleaseTlsMemory(PGconn* conn) {
  auto* ssl = static_cast<SSL*>(PQgetssl(conn));
  if (ssl == nullptr) return;
  SSL_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_cert_store(SSL_get_SSL_CTX(ssl), X509_STORE_new());
}

// Reports the socket unless the last step had the same one.
void ReportSocket(int socket, const ConnectOptions& options, std::optional<SocketAddress>& last) {
  if (!options.on_socket) return;
  const auto name = LocalName(socket);
  if (!name) return;
  const SocketAddress local = {name->address.address, name->port};
  if (local == last) return;
  last = local;
  options.on_socket(local);
}

// Waits on a descriptor that libpq owns. It is removed from the reactor before libpq uses it again, however the wait
// ends.
class BorrowedSocket {
 public:
  BorrowedSocket(const asio::any_io_executor& executor, int socket) : descriptor_(executor, socket) {}
  ~BorrowedSocket() { descriptor_.release(); }
  BorrowedSocket(const BorrowedSocket&) = delete;
  BorrowedSocket& operator=(const BorrowedSocket&) = delete;
  asio::awaitable<void> Wait(asio::posix::stream_descriptor::wait_type type) {
    return descriptor_.async_wait(type, asio::use_awaitable);
  }

 private:
  asio::posix::stream_descriptor descriptor_;
};

}  // namespace

// A permit for one connect. It is an active one as long as the connect keeps this process busy. A connect that has
// waited for its server or resolver for kSilence exchanges it for a silent one, if one is free, so that the next can
// start.
class Connector::Permit : public std::enable_shared_from_this<Permit> {
 public:
  Permit(Connector& connector, const asio::any_io_executor& executor) : connector_(connector), silence_(executor) {}
  ~Permit() {
    if (silent_) {
      ++connector_.free_silent_;
    } else {
      connector_.active_.Release();
    }
  }
  Permit(const Permit&) = delete;
  Permit& operator=(const Permit&) = delete;

  // The connect waits for its server from now on, until EndWait().
  void BeginWait() {
    if (silent_) return;
    silence_.expires_after(kSilence);
    silence_.async_wait([weak = weak_from_this()](const std::error_code& error) {
      const auto permit = weak.lock();
      if (!permit || error) return;
      permit->BecomeSilent();
      permit->BeginWait();
    });
  }
  void EndWait() { silence_.cancel(); }

  // Keeps the active permit if no silent one is free.
  void BecomeSilent() {
    if (silent_ || connector_.free_silent_ == 0) return;
    --connector_.free_silent_;
    silent_ = true;
    connector_.active_.Release();
  }

 private:
  // Longer than any round trip.
  static constexpr std::chrono::milliseconds kSilence{250};

  Connector& connector_;
  asio::steady_timer silence_;
  bool silent_ = false;
};

Connector::Connector(BlockingPool& blocking, std::size_t max_concurrent)
    : blocking_(blocking), active_(max_concurrent), free_silent_(max_concurrent * 4) {
  PQsetSSLKeyPassHook_OpenSSL(GivePassphrase);
}

asio::awaitable<std::unique_ptr<Connection>> Connector::Connect(ConnectOptions options,
                                                                std::chrono::milliseconds timeout,
                                                                std::optional<std::chrono::milliseconds> patience) {
  const auto executor = co_await asio::this_coro::executor;
  const bool granted = co_await active_.Acquire(executor, patience ? After(*patience) : Deadline::max());
  if (!granted) throw TimeoutError("connect: too many connects are in progress");
  const auto permit = std::make_shared<Permit>(*this, executor);
  auto establish = Establish(std::move(options), permit);
  co_return co_await Within(After(timeout), "connect", std::move(establish));
}

asio::awaitable<std::unique_ptr<Connection>> Connector::Establish(ConnectOptions options,
                                                                  std::shared_ptr<Permit> permit) {
  const auto executor = co_await asio::this_coro::executor;
  const std::shared_ptr<Attempt> attempt = std::make_shared<Attempt>(std::move(options));
  // A step that waits for a resolver becomes silent too; one that waits for a thread of this process does not.
  const std::function<void()> waits = [permit] { permit->BecomeSilent(); };
  co_await blocking_.RunWaiting([attempt] { Start(*attempt); }, waits);
  std::optional<SocketAddress> local;
  PostgresPollingStatusType status =
      PQstatus(attempt->conn.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (status != PGRES_POLLING_OK) {
    if (status == PGRES_POLLING_FAILED) ThrowConnectError(*attempt);
    const int socket = PQsocket(attempt->conn.get());
    BoundSyn(socket);
    ReportSocket(socket, attempt->options, local);
    {
      BorrowedSocket borrowed(executor, socket);
      permit->BeginWait();
      co_await borrowed.Wait(status == PGRES_POLLING_READING ? asio::posix::stream_descriptor::wait_read
                                                             : asio::posix::stream_descriptor::wait_write);
    }
    permit->EndWait();
    status = co_await blocking_.RunWaiting([attempt] { return Poll(*attempt); }, waits);
  }
  PQsetErrorVerbosity(attempt->conn.get(), PQERRORS_DEFAULT);
  ReleaseTlsMemory(attempt->conn.get());
  co_return std::make_unique<Connection>(executor, std::move(attempt->conn), attempt->options.closing);
}

}  // namespace pgtls::db

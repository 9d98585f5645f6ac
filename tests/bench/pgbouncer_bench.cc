// What watching a PgBouncer costs: the exporter beside a bare libpq loop that runs SHOW CLIENTS on the same console and
// reads the same columns. One PgBouncer with 5,000 clients of 50 users, one run, ratios.
//   pgbouncer_bench PATH_OF_PG_TLS_EXPORTER [SECONDS_PER_MEASUREMENT]
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>

#include "tests/bench/exporter.h"
#include "tests/bench/measure.h"
#include "tests/bench/program.h"
#include "tests/support/pgbouncer.h"

namespace pgtls::bench {
namespace {

using support::Client;
using support::PgBouncer;

constexpr int kClients = 5000;
constexpr int kUsers = 50;
constexpr std::chrono::milliseconds kInterval{500};

Client OpenClient(const PgBouncer& pooler, int number) {
  return Client(pooler.Conninfo("user=bench" + std::to_string(number % kUsers) + " gssencmode=disable"));
}

std::deque<Client> OpenClients(const PgBouncer& pooler) {
  std::deque<Client> clients;
  for (int i = 0; i < kClients; ++i) clients.push_back(OpenClient(pooler, i));
  return clients;
}

struct Bare {
  double cpu_ms = 0;     // per collection
  double result_mb = 0;  // what libpq holds for the rows
};

Bare BareLibpq(const PgBouncer& pooler, std::chrono::seconds duration) {
  Client client(pooler.ConsoleConninfo());
  Bare bare;
  int collections = 0;
  std::size_t bytes = 0;
  Paced(duration, kInterval, [&] {
    const double before = ThreadCpuMs();
    PGresult* result = PQexec(client.get(), "SHOW CLIENTS");
    if (PQntuples(result) < kClients) throw std::runtime_error(PQerrorMessage(client.get()));
    for (const char* name : {"user", "database", "state", "addr", "port", "connect_time", "remote_pid", "tls", "ptr",
                             "id", "application_name"}) {
      const int column = PQfnumber(result, name);
      for (int row = 0; column >= 0 && row < PQntuples(result); ++row) {
        bytes += std::strlen(PQgetvalue(result, row, column));
      }
    }
    bare.result_mb = static_cast<double>(PQresultMemorySize(result)) / 1e6;
    PQclear(result);
    bare.cpu_ms += ThreadCpuMs() - before;
    ++collections;
  });
  if (bytes == 0) throw std::runtime_error("nothing was read");
  bare.cpu_ms /= collections;
  return bare;
}

int Run(const std::string& program, std::chrono::seconds duration) {
  AllowAllFiles();
  const support::PostgresServer server({.major = 15});
  const PgBouncer pooler(server, {.release = support::PgBouncerRelease::k1_26, .settings = {"max_client_conn = 6000"}});
  std::string users = "\"tls_exporter\" \"\"\n\"postgres\" \"\"\n";
  for (int user = 0; user < kUsers; ++user) {
    users += "\"bench" + std::to_string(user) + "\" \"\"\n";
    // The first client of a user needs a connection to the server.
    server.Execute("CREATE ROLE bench" + std::to_string(user) + " LOGIN");
  }
  pooler.WriteFile("users", users);
  pooler.Command("RELOAD");
  const Exporter exporter(program,
                          "servers:\n  - name: pool\n    conninfo: " + pooler.ConsoleConninfo() +
                              "\ncollectors:\n  sessions: {interval: " + std::to_string(kInterval.count()) + "ms}\n",
                          Only("sessions"));
  const double empty_mb = ResidentMb(exporter.pid());
  std::deque<Client> clients = OpenClients(pooler);
  const Bare bare = BareLibpq(pooler, duration);
  WaitForPage(exporter.port(), "user=\"bench49\"");
  const auto measure = [&](const std::function<void()>& step) {
    const double before = CpuMs(exporter.pid());
    Paced(duration, kInterval, step);
    return (CpuMs(exporter.pid()) - before) / static_cast<double>(std::chrono::milliseconds(duration) / kInterval);
  };
  const double cpu_ms = measure([] {});
  // A result with a client that the last one does not have is built from scratch.
  int number = 0;
  const double cpu_replaced_ms = measure([&] {
    clients.pop_front();
    clients.push_back(OpenClient(pooler, number++));
  });
  const double growth_mb = PeakResidentMb(exporter.pid()) - empty_mb;

  std::printf("PgBouncer 1.26, %d clients of %d users, %lld s a measurement, one collection every %lld ms\n\n",
              kClients, kUsers, static_cast<long long>(duration.count()), static_cast<long long>(kInterval.count()));
  TableHead("pg_tls_exporter", "bare libpq");
  Row("CPU per collection, beside a bare libpq loop", cpu_ms, bare.cpu_ms, "ms", 2);
  Row("the same, with one client replaced before each collection", cpu_replaced_ms, bare.cpu_ms, "ms", 2);
  LimitRow("peak of resident memory that the clients add, beyond libpq's rows", growth_mb - bare.result_mb, "MB", 2);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace pgtls::bench

int main(int argc, char** argv) {
  return pgtls::bench::RunProgram(argc, argv, "pgbouncer_bench PATH_OF_PG_TLS_EXPORTER [SECONDS_PER_MEASUREMENT]",
                                  [](const std::vector<std::string>& arguments) {
                                    const int duration = arguments.size() > 1 ? std::stoi(arguments[1]) : 30;
                                    return pgtls::bench::Run(arguments[0], std::chrono::seconds(duration));
                                  });
}

// What following a log costs over SQL: 1,000 connections a second, read every 10 s, beside `cat` of the same bytes and
// a bare libpq loop that fetches them. One PostgreSQL 15, one run for each format, ratios.
//   log_bench PATH_OF_PG_TLS_EXPORTER [SECONDS_PER_FORMAT]
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "tests/bench/exporter.h"
#include "tests/bench/measure.h"
#include "tests/bench/program.h"
#include "tests/support/client.h"
#include "tests/support/files.h"
#include "tests/support/postgres_server.h"
#include "tests/support/process.h"

namespace pgtls::bench {
namespace {

using support::Client;
using support::PostgresServer;

constexpr int kConnectionsPerSecond = 1000;
constexpr int kRecordsPerConnection = 3;  // received, authenticated, authorized

struct Format {
  std::string destination;
  std::string file;
};

PostgresServer Server() {
  return PostgresServer({.major = 15,
                         .hba = "local all all trust\nhost all postgres 127.0.0.1/32 scram-sha-256\n",
                         .settings = {"logging_collector = on", "log_directory = 'log'", "log_filename = 'pg.log'",
                                      "log_connections = on", "log_line_prefix = '%m [%p] %q%u@%d '"}});
}

std::string Replaced(std::string text, const std::string& what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

// What postgres did, done by another role.
std::string ByAnotherUser(const std::string& records, const std::string& user) {
  const std::string in_prefix = Replaced(records, "] postgres@", "] " + user + "@");
  const std::string in_field = Replaced(in_prefix, R"("user":"postgres")", R"("user":")" + user + '"');
  return Replaced(in_field, "user=postgres database", "user=" + user + " database");
}

// The records of one real connection, as the server wrote them.
std::string RecordsOfOneConnection(const PostgresServer& server, const std::string& path) {
  const std::string before = support::ReadFile(path);
  Client(server.Conninfo("password=x application_name=bench")).Close();
  std::string records;
  const bool written = support::WaitUntil([&] {
    records = support::ReadFile(path).substr(before.size());
    return records.contains("connection authorized") && records.ends_with('\n');
  });
  if (!written) throw std::runtime_error("no records of a connection in " + path);
  return records;
}

double CpuMs(const PostgresServer& server) {
  double total = 0;
  for (const pid_t pid : server.Processes()) total += bench::CpuMs(pid);
  return total;
}

double CpuOfCatMs(const std::string& path, std::size_t bytes) {
  const auto children = [] {
    rusage usage{};
    getrusage(RUSAGE_CHILDREN, &usage);
    const auto ms = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
    };
    return ms(usage.ru_utime) + ms(usage.ru_stime);
  };
  const double before = children();
  const std::string command = "tail -c " + std::to_string(bytes) + " '" + path + "' | cat >/dev/null";
  if (support::RunProcess({"/bin/sh", "-c", command}).exit_code != 0) throw std::runtime_error(command);
  return children() - before;
}

struct Bare {
  double cpu_ms = 0;
  double server_ms = 0;
};

Bare BareLibpq(const PostgresServer& server, const std::string& file, std::size_t start, std::size_t bytes) {
  Client client(server.SocketConninfo());
  const double server_before = CpuMs(server);
  const double before = ThreadCpuMs();
  constexpr std::size_t kPiece = 1 << 20;
  for (std::size_t at = 0; at < bytes; at += kPiece) {
    client.Query("SELECT pg_read_binary_file('log/" + file + "', " + std::to_string(start + at) + ", " +
                 std::to_string(std::min(kPiece, bytes - at)) + ")");
  }
  return {ThreadCpuMs() - before, CpuMs(server) - server_before};
}

double Sample(const std::string& page, const std::string& series) {
  const auto at = page.find(series);
  return at == std::string::npos ? -1 : std::stod(page.substr(at + series.size()));
}

void Measure(const std::string& program, const Format& format, std::chrono::seconds duration) {
  PostgresServer server = Server();
  server.Execute("ALTER SYSTEM SET log_destination = '" + format.destination + "'");
  server.Restart();
  server.RunSqlFile("deploy/sql/monitoring_role.sql");
  server.Execute("ALTER ROLE postgres PASSWORD 'x'");
  const std::string path = server.data_dir() + "/log/" + format.file;
  const std::string records = RecordsOfOneConnection(server, path);

  const Exporter exporter(program,
                          "servers:\n  - name: db\n    conninfo: " + server.SocketConninfo("user=tls_exporter") +
                              "\ncollectors:\n  log: {interval: 10s, max_bytes: 64MB}\n",
                          Only("log"));
  WaitForPage(exporter.port(), "pg_tls_log_gaps_total");
  const double idle_mb = ResidentMb(exporter.pid());
  ResetPeak(exporter.pid());

  const std::size_t start = support::ReadFile(path).size();
  const double before = bench::CpuMs(exporter.pid());
  const double server_before = CpuMs(server);
  int connections = 0;
  std::ofstream log(path, std::ios::app);
  Paced(duration, std::chrono::seconds(1), [&] {
    for (int i = 0; i < kConnectionsPerSecond; ++i) {
      log << ByAnotherUser(records, "bench" + std::to_string(connections++ % 50));
    }
    log.flush();
  });
  const std::size_t bytes = support::ReadFile(path).size() - start;
  const auto read = [&] {
    const std::string page = exporter.Page();
    return Sample(page,
                  "pg_tls_logged_unencrypted_sessions_total{server=\"db\",network=\"loopback\",allowed=\"false\"} ");
  };
  if (!support::WaitUntil([&] { return read() >= connections; }, std::chrono::seconds(60)))
    throw std::runtime_error("counted " + std::to_string(read()) + " of " + std::to_string(connections));
  const double ours = bench::CpuMs(exporter.pid()) - before;
  const double server_ms = CpuMs(server) - server_before;
  const double gaps = Sample(exporter.Page(), "pg_tls_log_gaps_total{server=\"db\"} ");
  const double thousands = connections * kRecordsPerConnection / 1000.0;
  const Bare bare = BareLibpq(server, format.file, start, bytes);
  const double cat = CpuOfCatMs(path, bytes);

  std::printf("\n%s: %d connections, %.0f records of %.0f bytes, %.0f gaps\n\n", format.destination.c_str(),
              connections, thousands * 1000, static_cast<double>(bytes) / thousands / 1000, gaps);
  TableHead("pg_tls_exporter", "beside it");
  Row("CPU of the exporter per 1,000 records, beside bare libpq that fetches the bytes", ours / thousands,
      bare.cpu_ms / thousands, "ms");
  Row("the same, beside cat", ours / thousands, cat / thousands, "ms");
  Row("CPU of the server per 1,000 records, beside pg_read_binary_file", server_ms / thousands,
      bare.server_ms / thousands, "ms");
  LimitRow("resident memory over idle", PeakResidentMb(exporter.pid()) - idle_mb, "MB", 8);
}

int Run(const std::string& program, std::chrono::seconds duration) {
  for (const Format& format : {Format{"jsonlog", "pg.json"}, Format{"stderr", "pg.log"}}) {
    Measure(program, format, duration);
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace pgtls::bench

int main(int argc, char** argv) {
  return pgtls::bench::RunProgram(argc, argv, "log_bench PATH_OF_PG_TLS_EXPORTER [SECONDS_PER_FORMAT]",
                                  [](const std::vector<std::string>& arguments) {
                                    const int duration = arguments.size() > 1 ? std::stoi(arguments[1]) : 30;
                                    return pgtls::bench::Run(arguments[0], std::chrono::seconds(duration));
                                  });
}

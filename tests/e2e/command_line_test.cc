// The program's face without a database: options, errors, exit codes, signals.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <sstream>

#include "tests/e2e/exporter.h"
#include "tests/support/golden.h"
#include "tests/support/http_client.h"

namespace pgtls::e2e {
namespace {

using support::TempDir;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

TEST(CommandLine, VersionAndHelp) {
  const auto version = RunExporter({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.out, StartsWith("pg_tls_exporter 0."));
  const auto help = RunExporter({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* option : {"--config.file", "--dsn", "--web.listen-address", "--web.config.file", "--log.format"}) {
    EXPECT_THAT(help.out, HasSubstr(option));
  }
}

TEST(CommandLine, AMistakeExitsWith2) {
  EXPECT_EQ(RunExporter({"--no-such-option"}).exit_code, 2);
  EXPECT_EQ(RunExporter({"--dsn=host=a", "--config.file=/dev/null"}).exit_code, 2);
  const auto dsn = RunExporter({"--dsn=nosuchoption=1"});
  EXPECT_EQ(dsn.exit_code, 2);
  EXPECT_THAT(dsn.err, HasSubstr("nosuchoption"));
  const auto address = RunExporter({"--dsn=host=/nonexistent", "--web.listen-address=192.0.2.1:99999"});
  EXPECT_EQ(address.exit_code, 2);
  EXPECT_THAT(address.err, HasSubstr("192.0.2.1:99999"));
  for (const char* path : {"/probe", "/sd", "/", "/-/ready"}) {
    EXPECT_EQ(RunExporter({"--dsn=host=/nonexistent", std::string("--web.telemetry-path=") + path}).exit_code, 2)
        << path;
  }
}

// A mistake is 2; what the next start may find is 1, and the unit starts again.
TEST(CommandLine, AServiceThatCannotStartYetExitsWith1) {
  const TempDir dir;
  const Exporter first({"--dsn=host=127.0.0.1 port=1"});
  const std::string web = dir.Write("web.yml", "tls_server_config: {cert_file: late.crt, key_file: late.key}\n");
  const std::string host = "--dsn=host=127.0.0.1 port=1";
  for (const auto& [argument, what] : std::vector<std::pair<std::string, std::string>>{
           {"--web.listen-address=192.0.2.1:9743", "192.0.2.1:9743: Cannot assign requested address"},
           {"--web.listen-address=127.0.0.1:" + std::to_string(first.port()), "Address already in use"},
           {"--web.listen-address=nosuchhost.invalid:9743", "cannot listen on nosuchhost.invalid:9743"},
           {"--web.config.file=" + dir.path() + "/absent", "/absent: No such file or directory"},
           {"--web.config.file=" + web, "web.yml:1:32: tls_server_config.cert_file: "},
       }) {
    const auto result = RunExporter({host, "--web.listen-address=127.0.0.1:0", argument});
    EXPECT_EQ(result.exit_code, 1) << argument;
    EXPECT_THAT(result.err, HasSubstr(what));
  }
}

TEST(CommandLine, APasswordFileMayComeLater) {
  const TempDir dir;
  const std::string file =
      dir.Write("c.yml",
                "servers:\n- name: late\n  conninfo: host=127.0.0.1 port=1\n  password_file: later\n"
                "collectors: {sessions: {interval: 200ms}}\n");
  const Exporter exporter({"--config.file=" + file});
  exporter.WaitForLine(
      R"(pg_tls_collector_failure_info{server="late",collector="sessions",reason="authentication"} 1)");
  EXPECT_TRUE(exporter.WaitForLog("c.yml:4:18: servers[0].password_file")) << exporter.Log();
  dir.Write("later", "secret\n");
  const auto changed = [](const std::string& page) {
    return HasLine(page, R"(pg_tls_collector_failure_info{server="late",collector="sessions",reason="connection"} 1)");
  };
  exporter.WaitForPage(changed, std::chrono::seconds(60));
}

struct BadConfig {
  const char* text;
  const char* where;  // line:column
  const char* what;
};

TEST(CommandLine, ConfigurationErrorsNameTheirPlaceAndExitWith2) {
  const TempDir dir;
  const std::vector<BadConfig> cases = {
      {"servers:\n  - name: a\n    conninfo: host=x\n    colour: red\n", "4:5", "colour"},
      {"servers:\n  - name: a\n    conninfo: hots=x\n", "3:15", "hots"},
      {"servers:\n  - name: a\n  - name: a\n", "3:5", "twice"},
      {"servers: [\n", "2:1", ""},
      {"collectors:\n  sessions: {interval: soon}\nservers: [{name: a}]\n", "2:24", "expected a duration"},
      {"collectors:\n  sessions: {max_series: many}\nservers: [{name: a}]\n", "2:26", "max_series: expected a number"},
      {"policy:\n  allow_unencrypted:\n    - {name: x, application_name: y}\nservers: [{name: a}]\n", "3:7", ""},
  };
  for (const auto& [text, where, what] : cases) {
    const std::string file = dir.Write("config.yml", text);
    for (const char* command : {"config-check", ""}) {
      std::vector<std::string> arguments = {"--config.file=" + file, "--web.listen-address=127.0.0.1:0"};
      if (*command != '\0') arguments = {command, "--config.file=" + file};
      const auto result = RunExporter(arguments);
      EXPECT_EQ(result.exit_code, 2) << text;
      EXPECT_THAT(result.err, HasSubstr(file + ":" + where + ": ")) << text;
      EXPECT_THAT(result.err, HasSubstr(what));
    }
  }
  const std::string late = dir.Write("late.yml", "servers:\n  - name: a\n    password_file: /nonexistent/p\n");
  const auto checked = RunExporter({"config-check", "--config.file=" + late});
  EXPECT_EQ(checked.exit_code, 2);
  EXPECT_THAT(checked.err, HasSubstr(late + ":3:20: servers[0].password_file: cannot read /nonexistent/p"));
  const std::string good =
      dir.Write("good.yml", Config({{"a", "host=db1"}, {"b", "postgresql://db2/x?sslmode=require"}}));
  const auto result = RunExporter({"config-check", "--config.file=" + good});
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST(CommandLine, AWebConfigurationThatCannotBeUsedExitsWith2) {
  const TempDir dir;
  const std::vector<BadConfig> cases = {
      {"basic_auth_users: {alice: secret}\n", "1:27", "bcrypt"},
      {"tls_server_config:\n  cert_file: web.yml\n  key_file: web.yml\n", "2:14", "certificate"},
      {"nonsense: 1\n", "1:1", "nonsense"},
  };
  for (const auto& [text, where, what] : cases) {
    const std::string file = dir.Write("web.yml", text);
    const auto result =
        RunExporter({"--dsn=host=127.0.0.1 port=1", "--web.listen-address=127.0.0.1:0", "--web.config.file=" + file});
    EXPECT_EQ(result.exit_code, 2) << text;
    EXPECT_THAT(result.err, HasSubstr(file + ":" + where + ": ")) << text;
    EXPECT_THAT(result.err, HasSubstr(what)) << text;
  }
}

// As libpq reads a module's conninfo: the target of a probe alone says where to.
TEST(CommandLine, AModulesConninfoNamesNoServer) {
  const TempDir dir;
  const std::string services = dir.Write("services", "[s]\nhost=a\n");
  const auto run = [&](const std::string& conninfo) {
    const std::string file =
        dir.Write("config.yml", "modules:\n  m:\n    conninfo: \"" + conninfo +
                                    "\"\n    collectors: [endpoint]\n    allowed_targets: ['10.0.0.0/8:5432']\n");
    return RunExporter({"config-check", "--config.file=" + file}, {{"PGSERVICEFILE", services}});
  };
  for (const char* more : {"host=a", "\\thostaddr=10.0.0.9", "\\nport = 1", "service=s", "hostaddr=''", "host='a'"}) {
    const auto result = run(std::string("user=u ") + more);
    EXPECT_EQ(result.exit_code, 2) << more;
    EXPECT_THAT(result.err, HasSubstr("config.yml:3:15: modules.m.conninfo: a module's conninfo must not contain"))
        << more;
  }
  for (const char* conninfo : {"", "user=u password=", "user=u\\\\", "options='-c host=a'", "password=host=a"}) {
    EXPECT_EQ(run(conninfo).exit_code, 0) << conninfo;
  }
}

TEST(CommandLine, TheCatalogueIsCompleteAndNamesEachMetricOnce) {
  const auto text = RunExporter({"metrics"});
  EXPECT_EQ(text.exit_code, 0);
  for (const char* name : {"pg_tls_connections", "pg_tls_up", "pg_tls_sessions_total", "pg_tls_collector_success"}) {
    EXPECT_THAT(text.out, HasSubstr(name));
  }
  const auto markdown = RunExporter({"metrics", "--markdown"});
  EXPECT_EQ(markdown.exit_code, 0);
  EXPECT_THAT(markdown.out, HasSubstr("|"));
}

// A listening socket that accepts nothing and says nothing: a server that hangs.
class SilentServer {
 public:
  SilentServer() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd_, 16) != 0 ||
        getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no silent server");
    }
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { close(fd_); }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  std::string conninfo() const { return "host=127.0.0.1 port=" + std::to_string(port_); }

 private:
  int fd_;
  int port_ = 0;
};

TEST(Service, EndsAtOnceAndCleanlyWhileAServerHangs) {
  const SilentServer silent;
  for (const int signal : {SIGTERM, SIGINT}) {
    Exporter exporter({"--dsn=" + silent.conninfo()});
    EXPECT_EQ(support::HttpRequest(exporter.port(), "/-/healthy").status, 200);
    exporter.process().Signal(signal);
    EXPECT_EQ(exporter.process().Wait(std::chrono::seconds(30)), 0) << exporter.Log();
  }
}

// Started as from a shell whose soft limit is low: a thousand servers are more than a thousand files.
TEST(Service, TakesAllTheFilesThatItMayOpen) {
  rlimit own{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &own), 0);
  const rlimit low{.rlim_cur = 256, .rlim_max = own.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  const Exporter exporter({"--dsn=host=127.0.0.1 port=1", "--log.level=debug"});
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &own), 0);
  const std::string page = exporter.Page();
  const std::string name = "\nprocess_max_fds ";
  const std::size_t at = page.find(name);
  ASSERT_NE(at, std::string::npos) << page;
  EXPECT_EQ(std::stod(page.substr(at + name.size())), static_cast<double>(own.rlim_max));
  EXPECT_TRUE(exporter.WaitForLog("raised the limit of open files")) << exporter.Log();
}

TEST(Service, AServerThatHangsHoldsUpNeitherTheEndNorTheOthers) {
  const SilentServer silent;
  const TempDir dir;
  const std::string file = dir.Write(
      "config.yml",
      Impatient(
          Config({{"hanging", silent.conninfo()}, {"nowhere", "host=no..host"}, {"closed", "host=127.0.0.1 port=1"}})));
  Exporter exporter({"--config.file=" + file});
  exporter.WaitForLine(R"(pg_tls_collector_failure_info{server="closed",collector="sessions",reason="connection"} 1)");
  exporter.WaitForLine(R"(pg_tls_collector_failure_info{server="nowhere",collector="sessions",reason="connection"} 1)");
  const std::string page = exporter.WaitForLine(
      R"(pg_tls_collector_failure_info{server="hanging",collector="sessions",reason="timeout"} 1)");
  for (const char* server : {"hanging", "nowhere", "closed"}) {
    EXPECT_TRUE(HasLine(page, "pg_tls_up{server=\"" + std::string(server) + "\"} 0")) << page;
  }
  EXPECT_EQ(support::Families(page, "pg_tls_unencrypted_connections_by_network"), "");
  exporter.process().Signal(SIGTERM);
  EXPECT_EQ(exporter.process().Wait(std::chrono::seconds(30)), 0) << exporter.Log();
}

TEST(Http, AnswersAsItShould) {
  const Exporter exporter({"--dsn=host=127.0.0.1 port=1"});
  exporter.WaitUntilReady();
  const int port = exporter.port();
  const auto get = support::HttpRequest(port, "/metrics");
  EXPECT_EQ(get.status, 200);
  EXPECT_EQ(get.headers.at("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_FALSE(get.headers.contains("content-encoding"));
  EXPECT_TRUE(HasLine(get.body, "pg_tls_up{server=\"127.0.0.1:1\"} 0")) << get.body;

  const auto gzip = support::HttpRequest(port, "/metrics", "GET", "Accept-Encoding: gzip\r\n");
  EXPECT_EQ(gzip.headers.at("content-encoding"), "gzip");
  EXPECT_TRUE(HasLine(support::Gunzip(gzip.body), "pg_tls_up{server=\"127.0.0.1:1\"} 0"));

  const auto head = support::HttpRequest(port, "/metrics", "HEAD");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_GT(std::stoi(head.headers.at("content-length")), 100);

  EXPECT_EQ(support::HttpRequest(port, "/-/healthy").status, 200);
  const auto status = support::HttpRequest(port, "/");
  EXPECT_EQ(status.status, 200);
  EXPECT_THAT(status.body, HasSubstr("/metrics"));
  EXPECT_THAT(status.body, HasSubstr("It is not known which connections are unencrypted"));
  EXPECT_EQ(support::HttpRequest(port, "/?server=127.0.0.1%3A1").status, 200);
  EXPECT_EQ(support::HttpRequest(port, "/?server=nobody").status, 404);
  EXPECT_EQ(support::HttpRequest(port, "/nothing").status, 404);
  EXPECT_EQ(support::HttpRequest(port, "/../../etc/passwd").status, 404);
  const auto post = support::HttpRequest(port, "/metrics", "POST", "Content-Length: 0\r\n");
  EXPECT_EQ(post.status, 405);
  EXPECT_THAT(post.headers.at("allow"), HasSubstr("GET"));
}

TEST(Http, ListensOnIpv6) {
  const Exporter exporter({"--dsn=host=127.0.0.1 port=1", "--web.listen-address=[::1]:0"});
  const std::string mark = "address=[::1]:";
  std::string log;
  ASSERT_TRUE(support::WaitUntil([&] { return (log = exporter.Log()).find(mark) != std::string::npos; })) << log;
  const int port = std::stoi(log.substr(log.find(mark) + mark.size()));
  EXPECT_EQ(support::HttpRequest(port, "/-/healthy", "GET", "", "::1").status, 200);
}

TEST(CommandLine, CollectExitsWith1WhereAServerIsDown) {
  const auto result = RunExporter({"collect", "--dsn=host=127.0.0.1 port=1"});
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_TRUE(HasLine(result.out, "pg_tls_up{server=\"127.0.0.1:1\"} 0")) << result.out;
}

// In namespaces of its own, where the one name server has the question and never answers: the resolver gives up after
// minutes.
TEST(CommandLine, ANameThatHangsHoldsUpNeitherTheEndNorTheOthers) {
  const TempDir dir;
  const std::string file = dir.Write(
      "config.yml", Impatient(Config({{"hanging", "host=db.example.com"}, {"closed", "host=127.0.0.1 port=1"}})));
  const std::string resolver = dir.Write("resolv.conf", "nameserver 127.0.0.53\noptions timeout:30 attempts:5\n");
  const std::string enter =
      "import os, socket, subprocess, sys\n"
      "subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)\n"
      "subprocess.run(['mount', '--bind', sys.argv[1], '/etc/resolv.conf'], check=True)\n"
      "silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
      "silent.bind(('127.0.0.53', 53))\n"
      "silent.set_inheritable(True)\n"
      "os.execv(sys.argv[2], sys.argv[2:])\n";
  for (const auto& [command, exit_code] : {std::pair{"collect", 1}, std::pair{"check", 3}}) {
    const auto result = support::RunProcess({"unshare", "--map-root-user", "--net", "--mount", "python3", "-c", enter,
                                             resolver, PGTLS_EXPORTER, command, "--config.file=" + file},
                                            {.environment = Environment()});
    EXPECT_EQ(result.exit_code, exit_code) << command << result.out << result.err;
    EXPECT_THAT(result.err, HasSubstr("server=hanging collector=all reason=timeout")) << command;
    EXPECT_THAT(result.err, HasSubstr("server=closed collector=all reason=connection")) << command;
    EXPECT_THAT(result.out, AllOf(HasSubstr("hanging"), HasSubstr("closed"))) << command;
  }
}

// A list as postgres_exporter takes it.
TEST(CommandLine, AListOfDsns) {
  const Exporter exporter({}, {{"DATA_SOURCE_NAME",
                                "postgresql://a@127.0.0.1:1/postgres,postgresql://b:SECRETB@127.0.0.1:2/other,"
                                "host=127.0.0.1 port=1 password=SECRETC"}});
  exporter.WaitUntilReady();
  const std::string page = exporter.Page();
  EXPECT_TRUE(HasLine(page, "pg_tls_up{server=\"127.0.0.1:1\"} 0")) << page;
  EXPECT_TRUE(HasLine(page, "pg_tls_up{server=\"127.0.0.1:2\"} 0")) << page;
  EXPECT_TRUE(exporter.WaitForLog("the same server is configured twice")) << exporter.Log();
  EXPECT_THAT(exporter.Log() + page, testing::Not(HasSubstr("SECRET")));
  const auto refused =
      RunExporter({"check"}, {{"DATA_SOURCE_NAME", "postgresql://a@h/postgres;postgresql://b:SECRETB@h/other"}});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("separated by commas"), testing::Not(HasSubstr("SECRET"))));
}

// libpq writes to standard error on its own where a password file is readable by others.
TEST(Log, IsJsonToItsLastLine) {
  const TempDir dir;
  const std::string passfile = dir.Write("pgpass", "*:*:*:*:secret\n");
  chmod(passfile.c_str(), 0644);
  const std::string file =
      dir.Write("c.yml", Config({{"a", "host=127.0.0.1 port=1 passfile=" + passfile},
                                 {"b", "host=127.0.0.1 port=1 sslrootcert=/nonexistent sslmode=verify-full"}}));
  Exporter exporter({"--config.file=" + file, "--log.format=json", "--log.level=debug"});
  exporter.WaitUntilReady();
  exporter.process().Signal(SIGTERM);
  EXPECT_EQ(exporter.process().Wait(), 0);
  std::istringstream log(exporter.Log());
  for (std::string line; std::getline(log, line);) {
    EXPECT_THAT(line, AllOf(StartsWith(R"({"ts":")"), testing::EndsWith("}")));
    EXPECT_THAT(line, testing::Not(HasSubstr("x09")));
  }
  const std::string text = exporter.Log();
  const std::string warning = "password file \\\"" + passfile + "\\\" has group or world access";
  EXPECT_THAT(text, HasSubstr(R"("level":"warn","msg":"a library reports","text":"WARNING: )" + warning));
  EXPECT_THAT(text, HasSubstr("failed: Connection refused; Is the server running on that host"));
}

TEST(CommandLine, ADsnsPasswordIsNeitherShownNorLogged) {
  Exporter exporter({"--dsn=host=127.0.0.1 port=1 password=hunter2", "--log.level=debug"});
  exporter.WaitUntilReady();
  const std::string command_line = support::ReadFile("/proc/" + std::to_string(exporter.process().pid()) + "/cmdline");
  EXPECT_EQ(command_line.find("hunter2"), std::string::npos);
  EXPECT_EQ(exporter.Log().find("hunter2"), std::string::npos);
  EXPECT_EQ(exporter.Page().find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace pgtls::e2e

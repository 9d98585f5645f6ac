// A server that is reached by a link-local address, which means nothing without its interface.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/exporter.h"
#include "tests/support/postgres_server.h"

namespace pgtls::e2e {
namespace {

// In a network namespace of its own, with fe80::1 on its loopback interface: what comes in there goes to the server's
// Unix socket.
constexpr const char* kForward = R"(
import os, socket, subprocess, sys, threading
subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
subprocess.run(['ip', 'address', 'add', 'fe80::1/64', 'dev', 'lo', 'nodad'], check=True)
path, command = sys.argv[1], sys.argv[2:]
address = ('fe80::1', 5432, 0, socket.if_nametoindex('lo'))
listener = socket.create_server(address, family=socket.AF_INET6)
def reaches_itself():
    try:
        with socket.socket(socket.AF_INET6) as client:
            client.connect(address)
            return True
    except OSError:
        return False
while not reaches_itself():  # the kernel makes the route later than the address
    pass
def carry(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
def serve():
    while True:
        client, _ = listener.accept()
        server = socket.socket(socket.AF_UNIX)
        server.connect(path)
        threading.Thread(target=carry, args=(client, server), daemon=True).start()
        threading.Thread(target=carry, args=(server, client), daemon=True).start()
threading.Thread(target=serve, daemon=True).start()
sys.exit(subprocess.run(command).returncode)
)";

TEST(LinkLocal, TheWireIsProbedWhereSqlIsConnected) {
  const support::PostgresServer server;
  const support::TempDir dir;
  const std::string socket = server.socket_dir() + "/.s.PGSQL." + std::to_string(server.port());
  const std::string conninfo = "host=fe80::1%lo user=postgres dbname=postgres sslmode=disable gssencmode=disable";
  const std::string with_endpoint =
      dir.Write("c.yml", "servers: [{name: 'named', conninfo: '" + conninfo + "', endpoint: '[fe80::1%lo]:5432'}]\n");
  for (const std::string& source : {"--dsn=" + conninfo, "--config.file=" + with_endpoint}) {
    const auto result = support::RunProcess(
        {"unshare", "--map-root-user", "--net", "python3", "-c", kForward, socket, PGTLS_EXPORTER, "collect", source},
        {.environment = Environment()});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const std::string name = source.starts_with("--dsn") ? "[fe80::1%lo]:5432" : "named";
    EXPECT_TRUE(HasLine(result.out, "pg_tls_up{server=\"" + name + "\"} 1")) << result.out;
    EXPECT_TRUE(HasLine(result.out, "pg_tls_endpoint_reachable{server=\"" + name + "\"} 1")) << result.out;
    EXPECT_TRUE(HasLine(result.out, "pg_tls_ssl_request_answer{server=\"" + name + "\",answer=\"N\"} 1")) << result.out;
  }
}

}  // namespace
}  // namespace pgtls::e2e

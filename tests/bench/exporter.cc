#include "tests/bench/exporter.h"

#include <csignal>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "collectors/registry.h"
#include "tests/bench/measure.h"
#include "tests/support/http_client.h"

namespace pgtls::bench {
namespace {

constexpr std::chrono::minutes kStartUp{15};
// More than the longest default interval of a collector: where a first run took too long, the second has been.
constexpr std::chrono::minutes kWell{11};

std::vector<std::string> Command(const std::string& program, const std::string& config_file, int port,
                                 const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {program, "--config.file=" + config_file,
                                   "--web.listen-address=127.0.0.1:" + std::to_string(port), "--log.level=warn"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

// A compressed page as it came, in chunks (RFC 9112, 7.1): whole, or it throws.
std::string Unpacked(const support::HttpResponse& response) {
  if (response.status != 200) throw std::runtime_error("status " + std::to_string(response.status));
  const auto coding = response.headers.find("transfer-encoding");
  if (coding == response.headers.end()) return support::Gunzip(response.body);
  std::string body;
  for (std::size_t at = 0;;) {
    const std::size_t size = std::stoul(response.body.substr(at, 20), nullptr, 16);
    if (size == 0) return support::Gunzip(body);
    at = response.body.find("\r\n", at) + 2;
    body += response.body.substr(at, size);
    at += size + 2;
  }
}

}  // namespace

Exporter::Exporter(const std::string& program, const std::string& config, const std::vector<std::string>& arguments)
    : port_(support::FreePort()),
      process_(Command(program, dir_.Write("config.yml", config), port_, arguments),
               {.environment = CleanEnvironment()}) {
  const auto start = std::chrono::steady_clock::now();
  const bool ready = support::WaitUntil(
      [&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        try {
          return !Runs() || support::HttpRequest(port_, "/-/ready").status == 200;
        } catch (const std::runtime_error&) {
          return false;  // it does not listen yet
        }
      },
      kStartUp);
  start_up_s_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::string bad = "it is not ready";
  // Asked once a second: a page of many servers is work, and a busy machine is why it is not well yet.
  if (ready && Runs()) {
    support::WaitUntil(
        [&] {
          std::this_thread::sleep_for(std::chrono::seconds(1));
          bad = FirstFailure(Page());
          return bad.empty() || !Runs();
        },
        kWell);
  }
  if (!bad.empty()) throw std::runtime_error("the exporter: " + bad + "\n" + Log().substr(0, 2000));
}

std::string Exporter::Page() const { return support::HttpGet(port_, "/metrics"); }

std::string Exporter::CompressedPage() const {
  return Unpacked(support::HttpRequest(port_, "/metrics", "GET", "Accept-Encoding: gzip\r\n"));
}

void Exporter::Reconfigure(const std::string& config) const {
  dir_.Write("next.yml", config);
  std::filesystem::rename(dir_.path() + "/next.yml", dir_.path() + "/config.yml");
  process_.Signal(SIGHUP);
}

std::optional<int> Exporter::Stop() {
  process_.Signal(SIGTERM);
  return process_.Wait();
}

std::vector<std::string> Only(std::string_view collector) {
  std::vector<std::string> arguments;
  for (const auto* type : collectors::All()) {
    const char* option = type->name == collector ? "--collector." : "--no-collector.";
    arguments.push_back(option + std::string(type->name));
  }
  return arguments;
}

std::string FirstFailure(const std::string& page) {
  if (page.find("\npg_tls_up{") == std::string::npos) return "no server is on the page";
  std::istringstream in(page);
  for (std::string line; std::getline(in, line);) {
    const bool health = line.starts_with("pg_tls_up{") || line.starts_with("pg_tls_collector_success{");
    if (health && line.ends_with(" 0")) return line;
  }
  return "";
}

}  // namespace pgtls::bench

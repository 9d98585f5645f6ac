#include "tests/support/files.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace pgtls::support {
namespace {

bool CanListen(int port) {
  // A dual-stack socket on the wildcard address collides with a listener on any address of either family.
  const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "socket");
  const int off = 0;
  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(static_cast<std::uint16_t>(port));
  const bool free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return free;
}

// Containers often have no more than 64 MB of it.
bool HasRoom(const char* path) {
  constexpr std::uintmax_t kEnough = std::uintmax_t{2} << 30;
  std::error_code absent;
  const std::filesystem::space_info space = std::filesystem::space(path, absent);
  return !absent && space.available >= kEnough;
}

}  // namespace

std::string MakeScratchDirectory() {
  constexpr const char* kMemory = "/dev/shm";
  std::string path = std::string(HasRoom(kMemory) ? kMemory : "/tmp") + "/pgtls-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) throw std::system_error(errno, std::generic_category(), path);
  return path;
}

TempDir::TempDir() : path_(MakeScratchDirectory()) {}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::Write(const std::string& name, const std::string& content, mode_t mode) const {
  std::string path = path_ + "/" + name;
  WriteFile(path, content, mode);
  return path;
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::system_error(errno, std::generic_category(), path);
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

void WriteFile(const std::string& path, const std::string& content, mode_t mode) {
  // Renamed into place: a server that reads it in the meantime sees the old file or the new one.
  const std::string next = path + ".new";
  {
    std::ofstream out(next, std::ios::binary | std::ios::trunc);
    out << content;
    if (!out.flush()) throw std::system_error(errno, std::generic_category(), next);
  }
  if (chmod(next.c_str(), mode) != 0 || rename(next.c_str(), path.c_str()) != 0) {
    throw std::system_error(errno, std::generic_category(), path);
  }
}

int FreePort() {
  static std::mt19937 random(std::random_device{}());
  std::uniform_int_distribution<int> ports(15000, 32000);
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const int port = ports(random);
    if (CanListen(port)) return port;
  }
  throw std::runtime_error("no free port");
}

bool WaitUntil(const std::function<bool()>& done, std::chrono::milliseconds limit) {
  // On a machine that is busy the time passes, and what is waited for has not had its share of it. Looks that come late
  // count for the time that they should have taken.
  constexpr std::chrono::milliseconds kPause{5};
  constexpr int kSlowest = 10;
  const auto end = std::chrono::steady_clock::now() + limit;
  for (auto looks = limit / kPause / kSlowest; !done(); --looks) {
    if (looks <= 0 && std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

std::string Quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

}  // namespace pgtls::support

// What a soak found: what did not hold, and what was looked at at all.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace pgtls::bench {

// Thread-safe. Keeps the first few of each kind of violation, with the time, so that many of one do not hide another.
class Findings {
 public:
  // `kind` is what must hold and did not, `detail` where, and what was there instead.
  void Violation(const std::string& kind, const std::string& detail = "");
  // Something that had to hold was looked at, and did.
  void Good(const std::string& what);
  // It must have been looked at, and held, at least once.
  void Expect(const std::string& what);
  // Prints everything. What was expected and never seen is a violation too; returns how many there were.
  std::size_t Conclude();

 private:
  void Add(const std::string& kind, const std::string& detail);

  struct Kind {
    std::size_t count = 0;
    std::vector<std::string> first;
  };
  std::mutex mutex_;
  std::map<std::string, Kind> violations_;
  std::map<std::string, long> good_;
};

}  // namespace pgtls::bench

#include "tests/new_collector/greeting.h"

#include <array>

#include "exporter/config/yaml.h"

namespace pgtls::collectors {
namespace {

constexpr metrics::Desc kLength = {
    "pg_tls_greeting_length", metrics::Type::kGauge, "Length of the greeting.", {"server"}};
constexpr std::array<const metrics::Desc*, 1> kDescs = {&kLength};

class Collector : public sampling::Collector {
 public:
  asio::awaitable<void> Collect(sampling::Context& context, sampling::Output& output) override {
    const std::string& text = context.config.options.As<GreetingOptions>().text;
    output.sink.Add(kLength, {}, static_cast<double>(text.size()));
    if (text == "silence") output.incomplete.push_back({"reply", "no_answer"});
    if (text == "nobody") output.unsupported = {"where nobody is", "Go where somebody is."};
    co_return;
  }
};

std::string ReadGreeting(const config::Node& node, config::Files& /*files*/) {
  if (node.Text() == "rude") node.Fail("expected a polite greeting");
  return node.Text();
}

constexpr config::OptionKey kKeys[] = {config::Key<&GreetingOptions::text, ReadGreeting>("text")};

constexpr sampling::Remedy kReplyRemedies[] = {{"no_answer", "Greet again."}};
constexpr sampling::DeclaredPart kParts[] = {{"reply", "the reply", kReplyRemedies}};

constexpr sampling::CollectorType kType = {
    .name = "greeting",
    .help = "How politely the server is greeted",
    .connection = sampling::ConnectionKind::kNone,
    .descs = kDescs,
    .make = [] { return std::unique_ptr<sampling::Collector>(new Collector()); },
    .parts = kParts,
    .schema = {.interval = std::chrono::seconds(42),
               .timeout = std::chrono::seconds(3),
               .enabled = false,
               .options = [] { return config::CollectorOptions(GreetingOptions()); },
               .keys = kKeys},
};

}  // namespace

const sampling::CollectorType& GreetingCollector() { return kType; }

}  // namespace pgtls::collectors

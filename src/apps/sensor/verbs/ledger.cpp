// hinomi-sensor ledger: the owner reads, in clear text, what left this machine, and checks that the record is whole.
#include "verbs.hpp"

#include "notes.hpp"

#include <hinomi/base/escape.hpp>
#include <hinomi/consent/ledger_reader.hpp>

#include <fmt/core.h>
#include <unistd.h>
#include <boost/json.hpp>

#include <algorithm>

namespace hinomi::sensor {
namespace {

namespace json = boost::json;
using base::Result;

struct OpenLedger {
  consent::Trust trust;
  proof::VerifierKey key;
  std::unique_ptr<consent::LedgerReader> reader;
};

Result<OpenLedger> open_ledger(const Config& config) {
  const Files files(config.data);
  consent::Trust trust = TRY(read_trust(files));
  const proof::VerifierKey key = TRY(read_ledger_verifier(files));
  auto reader = TRY(consent::LedgerReader::open(files.ledger(), trust.ledger_origin(), key));
  return OpenLedger{.trust = std::move(trust), .key = key, .reader = std::move(reader)};
}

json::object counts_of(const consent::Counts& counts) {
  json::object out;
  for (const auto& [kind, count] : counts) out[model::row_of(kind).name] = count;
  return out;
}

std::string counts_text(const consent::Counts& counts) {
  std::string out;
  for (const auto& [kind, count] : counts)
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count, model::row_of(kind).name);
  return out.empty() ? "-" : out;
}

std::string_view name_of(consent::LeafKind kind) {
  return kind == consent::LeafKind::heartbeat ? "heartbeat" : "events";
}

json::object to_object(std::uint64_t index, const consent::LedgerLeaf& leaf, base::ByteView bytes) {
  return {{"index", index},
          {"leaf_hash", proof::leaf_hash(bytes).hex()},
          {"kind", name_of(leaf.kind)},
          {"made", leaf.made.rfc3339(3)},
          {"epoch", fmt::format("{:016x}", leaf.epoch)},
          {"first_sequence", leaf.first_sequence},
          {"last_sequence", leaf.last_sequence},
          {"first_time", leaf.events() > 0 ? json::value(leaf.first_time.rfc3339()) : json::value(nullptr)},
          {"last_time", leaf.events() > 0 ? json::value(leaf.last_time.rfc3339()) : json::value(nullptr)},
          {"counts", counts_of(leaf.counts)},
          {"withheld", counts_of(leaf.withheld)},
          {"lost", leaf.lost},
          {"manifest", leaf.manifest.hex()},
          {"frame_length", leaf.frame_length},
          {"frame_digest", leaf.frame_digest.hex()},
          {"previous", leaf.previous ? json::value(leaf.previous->hex()) : json::value(nullptr)}};
}

void print_leaf_line(std::uint64_t index, const consent::LedgerLeaf& leaf) {
  fmt::print("{:>8}  {}  {:9}  {:>8} B  {}{}\n", index, leaf.made.rfc3339(3), name_of(leaf.kind), leaf.frame_length,
             counts_text(leaf.counts), leaf.lost > 0 ? fmt::format("  (lost: {})", leaf.lost) : "");
}

}  // namespace

Result<int> list_ledger(const Context& context, const ListArguments& arguments) {
  const OpenLedger ledger = TRY(open_ledger(context.config));
  const std::uint64_t size = ledger.reader->size();
  for (std::uint64_t index = size - std::min(size, arguments.last); index < size; ++index) {
    const base::Bytes bytes = TRY(ledger.reader->leaf(index));
    const consent::LedgerLeaf leaf = TRY(consent::decode_leaf(bytes));
    if (context.json) fmt::print("{}\n", json::serialize(to_object(index, leaf, bytes)));
    else print_leaf_line(index, leaf);
  }
  if (!context.json)
    fmt::print("{}\n", context.texts.text("sensor.ledger.total", {{"leaves", fmt::format("{}", size)}}));
  return 0;
}

Result<int> show_leaf(const Context& context, std::uint64_t index) {
  const OpenLedger ledger = TRY(open_ledger(context.config));
  const base::Bytes bytes = TRY(ledger.reader->leaf(index));
  const consent::LedgerLeaf leaf = TRY(consent::decode_leaf(bytes));
  const json::object out = to_object(index, leaf, bytes);
  if (context.json) {
    fmt::print("{}\n", json::serialize(out));
    return 0;
  }
  for (const auto& [name, value] : out) {
    const std::string_view key(name.data(), name.size());
    fmt::print("{:15} {}\n", key, value.is_string() ? std::string(value.as_string()) : json::serialize(value));
  }
  return 0;
}

Result<int> open_leaf(const Context& context, std::uint64_t index) {
  const OpenLedger ledger = TRY(open_ledger(context.config));
  const auto opened = TRY(ledger.reader->open_entry(index));
  const model::Provenance provenance{.organisation = ledger.trust.organisation, .system = ledger.trust.system};
  for (const model::Event& event : opened.events) {
    if (context.json) {
      fmt::print("{}\n", model::to_json({.event = event, .provenance = provenance}));
      continue;
    }
    fmt::print("{}  {}  {}\n", event.id.sequence, event.source_time.rfc3339(), model::row_of(event.kind).name);
    for (const auto& [field, value] : event.fields) {
      const std::string text = base::escape_for_display(model::text_of(field, value));
      fmt::print("    {:28} {}\n", model::row_of(field).name, text);
    }
  }
  if (!context.json && opened.events.empty()) fmt::print("{}\n", context.texts.text("sensor.ledger.no_events"));
  return 0;
}

Result<int> verify_ledger_files(const Context& context) {
  const Files files(context.config.data);
  const consent::Trust trust = TRY(read_trust(files));
  const proof::VerifierKey key = TRY(read_ledger_verifier(files));
  const bool shows_progress = !context.json && ::isatty(STDERR_FILENO) == 1;
  const auto audit =
      consent::verify_ledger(files.ledger(), trust.ledger_origin(), key, [&](std::uint64_t done, std::uint64_t size) {
        if (shows_progress) fmt::print(stderr, "\r{}/{}", done, size);
      });
  if (shows_progress) fmt::print(stderr, "\r\x1b[K");
  if (!audit) {
    if (audit.error().code != base::Errc::corrupt && audit.error().code != base::Errc::forbidden &&
        audit.error().code != base::Errc::unauthenticated)
      return base::fail(audit.error());
    if (context.json)
      fmt::print("{}\n", json::serialize(json::object{{"verdict", "BROKEN"}, {"reason", audit.error().what}}));
    else fmt::print("{}\n", context.texts.text("sensor.ledger.broken", {{"reason", audit.error().what}}));
    return 1;
  }
  if (context.json) {
    fmt::print("{}\n", json::serialize(json::object{{"verdict", "WHOLE"},
                                                    {"origin", trust.ledger_origin()},
                                                    {"leaves", audit->log.entries},
                                                    {"payloads", audit->log.payloads},
                                                    {"first_payload", audit->log.first_payload},
                                                    {"events", audit->events},
                                                    {"withheld", audit->withheld},
                                                    {"lost", audit->lost},
                                                    {"epochs", audit->epochs},
                                                    {"root", audit->log.checkpoint.checkpoint.root.hex()},
                                                    {"checkpoint", audit->log.checkpoint.note}}));
    return 0;
  }
  const auto number = [](std::uint64_t value) { return fmt::format("{}", value); };
  fmt::print("{}\n\n{}",
             context.texts.text("sensor.ledger.whole", {{"leaves", number(audit->log.entries)},
                                                        {"payloads", number(audit->log.payloads)},
                                                        {"events", number(audit->events)},
                                                        {"withheld", number(audit->withheld)},
                                                        {"lost", number(audit->lost)}}),
             audit->log.checkpoint.note);
  return 0;
}

}  // namespace hinomi::sensor

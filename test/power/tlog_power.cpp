// The program that test/power runs in the virtual machine, and its verifier.
//
//   tlog_power write FOLDER NONCE [--no-sync]   appends groups for ever; prints, after each commit,
//                                               "ACK <index> <leaf hash>" an entry and "ACK tree <size> <root>"
//   tlog_power verify FOLDER ACKS               opens the log (which recovers it) and compares it with those lines
//
// A leaf names itself (nonce and counter), and its payload follows from the leaf, so that a verifier needs nothing else.
#include <hinomi/tlog/tlog.hpp>
#include <hinomi/tlog/verify.hpp>

#include <fmt/core.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <set>
#include <vector>

namespace {

using namespace hinomi;
using base::Bytes;
using base::ByteView;
using base::Errc;
using base::fail;
using base::Result;
using base::Status;

// The example key of golang.org/x/mod/sumdb/note: no secret.
constexpr std::string_view kKey = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
constexpr std::string_view kOrigin = "hinomi.test/power";

// 0 to about 8,000 bytes; now and then 200,000, so that a group is written in parts and segments turn over.
Bytes payload_of(ByteView leaf) {
  base::Digest digest = base::sha256(leaf);
  const std::size_t length = digest.octets[0] < 4 ? 200'000 : digest.octets[1] * std::size_t{32};
  Bytes out;
  while (out.size() < length) {
    digest = base::sha256(digest.bytes());
    out += digest.bytes();
  }
  return out;
}

Status acknowledge(std::string_view lines) { return base::write_all(STDOUT_FILENO, lines); }

Status write_for_ever(const base::fs::path& folder, std::string_view nonce, bool sync) {
  tlog::Options options{.origin = std::string(kOrigin), .segment_bytes = 256U << 10};
  if (!sync) options.sync = [](int) { return 0; };
  const auto key = TRY(proof::SigningKey::parse(kKey));
  const auto log = TRY(tlog::TileLog::open(folder, options, key));
  TRY_VOID(acknowledge(fmt::format("OPEN {}\n", log->size())));
  std::uint64_t counter = 0;
  while (true) {
    std::string lines;
    const unsigned group = 1 + base::sha256(fmt::format("{} {}", nonce, counter)).octets[0] % 12;
    for (unsigned i = 0; i < group; ++i) {
      const Bytes leaf = fmt::format("{}:{}", nonce, counter++);
      const std::uint64_t index = TRY(log->append(leaf, payload_of(leaf)));
      lines += fmt::format("ACK {} {}\n", index, proof::leaf_hash(leaf).hex());
    }
    const tlog::Signed done = TRY(log->commit());
    TRY_VOID(acknowledge(fmt::format("{}ACK tree {} {}\n", lines, done.checkpoint.size, done.checkpoint.root.hex())));
  }
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parts;
}

Result<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return fail(Errc::malformed, fmt::format("not a number: {}", text));
  return value;
}

// One acknowledgement against the log.
Status held(const tlog::TileLog& log, std::string_view line) {
  const auto words = split(line, ' ');
  const bool tree = words.size() == 4 && words[1] == "tree";
  if (!tree && words.size() != 3) return fail(Errc::malformed, fmt::format("not an acknowledgement: {}", line));
  const std::uint64_t at = TRY(number(words[tree ? 2 : 1]));
  if (tree) {
    if (at > log.size())
      return fail(Errc::not_found, fmt::format("lost: the tree of {} entries, {} are left", at, log.size()));
    const proof::Hash root = TRY(log.root(at));
    if (root.hex() != words[3]) return fail(Errc::conflict, fmt::format("another tree of {} entries", at));
    return {};
  }
  if (at >= log.size()) return fail(Errc::not_found, fmt::format("lost: entry {}, {} are left", at, log.size()));
  const Bytes leaf = TRY(log.leaf(at));
  if (proof::leaf_hash(leaf).hex() != words[2]) return fail(Errc::conflict, fmt::format("another entry {}", at));
  return {};
}

Status verify(const base::fs::path& folder, const base::fs::path& acks) {
  const Bytes text = TRY(base::read_file(acks));
  const auto key = TRY(proof::SigningKey::parse(kKey));
  auto log = TRY(tlog::TileLog::open(folder, {.origin = std::string(kOrigin)}, key));
  std::uint64_t checked = 0;
  for (const std::string_view line : split(text, '\n')) {
    TRY_VOID(held(*log, line));
    ++checked;
  }
  const std::uint64_t size = log->size();
  log.reset();
  std::set<Bytes> seen;
  const auto audit =
      TRY(tlog::verify_log(folder, kOrigin, key.verifier(),
                           [&](std::uint64_t, ByteView leaf, const std::optional<ByteView>& payload) -> Status {
                             if (!seen.emplace(leaf).second)
                               return fail(Errc::conflict, fmt::format("{} is there twice", leaf));
                             if (payload != payload_of(leaf))
                               return fail(Errc::conflict, fmt::format("{} has another payload", leaf));
                             return {};
                           }));
  fmt::print("{} entries, {} payloads, {} acknowledgements held\n", size, audit.payloads, checked);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  Status done = fail(Errc::invalid_argument, "usage: tlog_power write FOLDER NONCE [--no-sync] | verify FOLDER ACKS");
  if (arguments.size() >= 3 && arguments[0] == "write")
    done = write_for_ever(arguments[1], arguments[2], arguments.size() == 3 || arguments[3] != "--no-sync");
  else if (arguments.size() == 3 && arguments[0] == "verify") done = verify(arguments[1], arguments[2]);
  if (done) return 0;
  fmt::print(stderr, "{}\n", done.error().what);
  return base::exit_code_of(done.error().code);
}

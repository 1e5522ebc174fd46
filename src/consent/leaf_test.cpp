#include <hinomi/consent/leaf.hpp>
#include <hinomi/consent/receipt.hpp>
#include <hinomi/consent/trust.hpp>
#include <hinomi/proof/tree.hpp>

#include <gtest/gtest.h>
#include <protozero/pbf_writer.hpp>

namespace hinomi::consent {
namespace {

using base::Errc;

LedgerLeaf example() {
  LedgerLeaf leaf{.kind = LeafKind::events, .epoch = 0x1234567890abcdef, .first_sequence = 5, .last_sequence = 9};
  leaf.sensor.uuid = base::kHinomiNamespace;
  leaf.first_time = {.nanoseconds = -5};
  leaf.last_time = {.nanoseconds = 1'700'000'000'000'000'000};
  leaf.counts = {{model::EventKind::process_start, 4}, {model::EventKind::loss, 1}};
  leaf.lost = 77;
  leaf.manifest = base::sha256("manifest");
  leaf.frame_length = 3;
  leaf.frame_digest = base::sha256("frame");
  leaf.previous = base::sha256("previous");
  leaf.made = {.nanoseconds = 12};
  leaf.withheld = {{model::EventKind::process_fork, 300}};
  return leaf;
}

TEST(Leaf, comes_back_as_it_was_written) {
  EXPECT_EQ(*decode_leaf(encode(example())), example());
  LedgerLeaf first = example();
  first.previous.reset();
  first.withheld.clear();
  EXPECT_EQ(*decode_leaf(encode(first)), first);
}

TEST(Leaf, whose_counts_are_not_those_of_its_range_is_malformed) {
  LedgerLeaf leaf = example();
  leaf.counts[model::EventKind::process_start] = 5;
  EXPECT_EQ(decode_leaf(encode(leaf)).error().code, Errc::malformed);
  leaf = example();
  leaf.first_sequence = 10;
  EXPECT_EQ(decode_leaf(encode(leaf)).error().code, Errc::malformed);
}

TEST(Leaf, that_is_cut_or_too_long_is_refused) {
  const base::Bytes bytes = encode(example());
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_NE(decode_leaf(std::string_view(bytes).substr(0, length)), example());
  EXPECT_EQ(decode_leaf(base::Bytes(kMaxLeaf + 1, 'x')).error().code, Errc::too_large);
}

TEST(Leaf, field_of_another_wire_type_counts_as_absent) {
  EXPECT_EQ(decode_leaf("\n").error().code, Errc::malformed);  // version as bytes, and cut at that
  base::Bytes bytes;
  protozero::pbf_writer out(bytes);
  out.add_bytes(1, "1");
  EXPECT_EQ(decode_leaf(bytes).error().code, Errc::unsupported);
}

TEST(Frame, comes_back_and_is_bounded) {
  EXPECT_EQ(*decompress_frame(compress_frame("")), "");
  const std::string content(100'000, 'x');
  EXPECT_EQ(*decompress_frame(compress_frame(content)), content);
  EXPECT_EQ(decompress_frame(compress_frame(std::string(kMaxDecompressed + 1, 'x'))).error().code, Errc::too_large);
  EXPECT_EQ(decompress_frame("not zstd").error().code, Errc::malformed);
}

TEST(Frame, is_opened_only_if_it_is_what_the_leaf_commits_to) {
  LedgerLeaf leaf{.epoch = 7, .first_sequence = 1, .last_sequence = 1};
  model::Event event{.kind = model::EventKind::process_exit};
  event.id = {.sensor = leaf.sensor, .epoch = 7, .sequence = 1};
  SpoolRecord record{.salt = base::Bytes(32, 's'), .frame = compress_frame(model::encode_events({event}))};
  leaf.frame_length = record.frame.size();
  leaf.frame_digest = base::sha256({record.salt, record.frame});
  const auto events = open_record(leaf, *decode_record(encode(record)));
  ASSERT_TRUE(events) << events.error().what;
  EXPECT_EQ(*events, std::vector{event});
  record.salt[0] = 't';
  EXPECT_EQ(open_record(leaf, record).error().code, Errc::corrupt);
}

// What the centre does when it gives a receipt, as far as the probe looks at it.
struct Centre {
  base::SystemRandom random;
  proof::SigningKey key = proof::SigningKey::generate("hinomi.local/evidence/city-hall", random);
  model::SensorId sensor{base::kHinomiNamespace};

  [[nodiscard]] SealedReceipt receipt(std::uint64_t leaf_index, const base::Digest& hash) const {
    base::Bytes inner;
    protozero::pbf_writer receipt(inner);
    receipt.add_uint32(1, 1);
    receipt.add_bytes(2, std::string(hash.bytes()));
    receipt.add_uint64(3, leaf_index);
    receipt.add_uint64(5, 41);
    receipt.add_sfixed64(7, 99);
    base::Bytes leaf;
    protozero::pbf_writer out(leaf);
    out.add_uint32(1, 1);
    out.add_uint32(2, 2);
    out.add_bytes(6, std::string(sensor.uuid.bytes()));
    out.add_bytes(9, inner);
    const proof::Hash other = proof::leaf_hash("batch");
    const proof::Checkpoint checkpoint{
        .origin = key.name(), .size = 2, .root = proof::node_hash(other, proof::leaf_hash(leaf))};
    return {.checkpoint = proof::sign_checkpoint(checkpoint, key), .entry = 1, .leaf = leaf, .inclusion = {other}};
  }
};

TEST(Receipt, is_believed_when_the_centre_signed_a_log_that_holds_it) {
  const Centre centre;
  const std::string text = to_text(centre.receipt(12, base::sha256("leaf")));
  const auto receipt = open_receipt(text, centre.key.verifier(), centre.key.name(), centre.sensor);
  ASSERT_TRUE(receipt) << receipt.error().what;
  EXPECT_EQ(receipt->leaf_index, 12u);
  EXPECT_EQ(receipt->leaf_hash, base::sha256("leaf"));
  EXPECT_EQ(receipt->batch_entry, 41u);
}

TEST(Receipt, of_another_key_log_sensor_or_leaf_is_refused) {
  const Centre centre;
  const Centre stranger;
  SealedReceipt sealed = centre.receipt(12, base::sha256("leaf"));
  const auto open = [&](const SealedReceipt& receipt) {
    return open_receipt(to_text(receipt), centre.key.verifier(), centre.key.name(), centre.sensor).error().code;
  };
  EXPECT_EQ(open(stranger.receipt(12, base::sha256("leaf"))), Errc::unauthenticated);
  EXPECT_EQ(
      open_receipt(to_text(sealed), centre.key.verifier(), "hinomi.local/evidence/other", centre.sensor).error().code,
      Errc::forbidden);
  EXPECT_EQ(open_receipt(to_text(sealed), centre.key.verifier(), centre.key.name(), model::SensorId{}).error().code,
            Errc::forbidden);
  SealedReceipt changed = sealed;
  changed.leaf = centre.receipt(13, base::sha256("leaf")).leaf;
  EXPECT_EQ(open(changed), Errc::forbidden);
  changed = sealed;
  changed.entry = 0;
  EXPECT_EQ(open(changed), Errc::forbidden);
  EXPECT_EQ(open_receipt("no note at all", centre.key.verifier(), centre.key.name(), centre.sensor).error().code,
            Errc::malformed);
}

TEST(Trust, comes_back_as_it_was_written_and_names_lines) {
  base::SystemRandom random;
  const Trust trust{.organisation = *model::OrganisationId::parse("city-hall"),
                    .system = *model::SystemId::parse("staff-pcs"),
                    .sensor = {base::kHinomiNamespace},
                    .centre = "hinomi.local",
                    .manifest_keys = {proof::SigningKey::generate("owner@city-hall", random).verifier()},
                    .evidence_key = proof::SigningKey::generate("hinomi.local/evidence/city-hall", random).verifier()};
  const auto read = parse_trust(to_yaml(trust));
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(to_yaml(*read), to_yaml(trust));
  EXPECT_EQ(read->ledger_origin(), "hinomi.local/ledger/" + trust.sensor.text());
  EXPECT_EQ(parse_trust(to_yaml(trust) + "extra: 1\n").error().what, "line 9: there is no key 'extra'");
}

}  // namespace
}  // namespace hinomi::consent

#include <hinomi/access/act.hpp>

#include <hinomi/base/escape.hpp>

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace hinomi::access {
namespace {
constexpr std::size_t kLimit = 16U << 20;  // an act of rules holds the rules
}

base::Bytes encode(const Act& act) {
  base::Bytes out;
  protozero::pbf_writer writer(out);
  writer.add_uint32(1, 1);
  writer.add_string(2, act.kind);
  writer.add_string(3, act.actor);
  writer.add_string(4, act.json);
  return out;
}

base::Result<Act> decode_act(base::ByteView bytes) {
  if (bytes.size() > kLimit) return base::fail(base::Errc::too_large, "an act may be 16 MiB long");
  Act act;
  std::uint32_t version = 0;
  try {
    protozero::pbf_reader reader(bytes.data(), bytes.size());
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protozero::tag_and_type(1, protozero::pbf_wire_type::varint): version = reader.get_uint32(); break;
        case protozero::tag_and_type(2, protozero::pbf_wire_type::length_delimited):
          act.kind = reader.get_string();
          break;
        case protozero::tag_and_type(3, protozero::pbf_wire_type::length_delimited):
          act.actor = reader.get_string();
          break;
        case protozero::tag_and_type(4, protozero::pbf_wire_type::length_delimited):
          act.json = reader.get_string();
          break;
        default: reader.skip();
      }
    }
  } catch (const protozero::exception& exception) {
    return base::fail(base::Errc::malformed, std::string("act: ") + exception.what());
  }
  if (version != 1) return base::fail(base::Errc::unsupported, "act: version must be 1");
  bool good = !act.kind.empty() && act.kind.size() <= 64 && act.actor.size() <= 256 && base::is_valid_utf8(act.actor) &&
              base::is_valid_utf8(act.json);
  for (const char c : act.kind) good = good && ((c >= 'a' && c <= 'z') || c == '_');
  if (!good) return base::fail(base::Errc::malformed, "act: kind or actor is not as it must be");
  return act;
}

}  // namespace hinomi::access

#include <hinomi/link/door.hpp>
#include <hinomi/link/enrolment.hpp>
#include <hinomi/link/uplink.hpp>

#include <unistd.h>

namespace {

using namespace hinomi;

class NoBatches final : public link::BatchSink {
 public:
  base::Result<link::ReceiptAnswer> append(const link::Accepted&, base::ByteView, const link::Sender&) override {
    __builtin_trap();
  }
  base::Result<link::ReceiptAnswer> receipt(const model::OrganisationId&, std::uint64_t) override { __builtin_trap(); }
  base::Result<std::vector<proof::Hash>> consistency(const model::OrganisationId&, std::uint64_t,
                                                     std::uint64_t) override {
    __builtin_trap();
  }
  base::Result<Identity> identity(const model::OrganisationId&) override { return Identity{"fuzz", "fuzz"}; }
};
class NoActs final : public link::ActSink {
 public:
  base::Result<base::Time> append(const model::OrganisationId&, const std::optional<model::SystemId>&,
                                  const std::optional<model::SensorId>&, const access::Act&) override {
    __builtin_trap();
  }
};

// A door that knows no token and no sensor: nothing that comes in may reach the logs.
link::Door& door() {
  static base::SystemRandom random;
  static base::SystemClock clock;
  static access::Access state;
  static NoBatches batches;
  static NoActs acts;
  static const base::fs::path folder =
      base::fs::temp_directory_path() / ("hinomi_door_fuzz_" + std::to_string(::getpid()));
  static const auto authority = [] {
    auto made = access::CertificateAuthority::open_or_create(folder, "fuzz", clock.now());
    base::fs::remove_all(folder);
    return std::move(*made);
  }();
  static link::Door made({.centre = "fuzz"}, state, *authority, batches, acts, clock, random);
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string body(reinterpret_cast<const char*>(data), size);
  for (const char* path : {"/v1/enrol", "/v1/batches", "/v1/renew"})
    if (door().handle({.method = "POST", .path = path, .body = body}).status < 400) __builtin_trap();
  (void)link::enrolment_from_json(body);
  (void)door().restore_act({"fork", "fuzz", body});
  return 0;
}

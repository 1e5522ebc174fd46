// The published collection: which objects went out, in which order, kept in one append-only file.
// Every client's cursor is a date_added, so the order must never change once somebody may have read it: it is written down
// (and synced) before an object can be seen, not derived again. date_added is the received time of the act or entry that
// led to the version, moved on where needed so that it grows strictly: several organisations' logs are read side by side.
// File: one JSON object a line, {"date_added":…,"object":{…}}; a last line without its end is cut (a torn write).
// Owns:    the file. Threads: any; put() calls take turns.
// Fails:   Errc::io, Errc::full, Errc::corrupt with the line's number.
#pragma once

#include <hinomi/base/file.hpp>
#include <hinomi/base/mutex.hpp>
#include <hinomi/model/indicator.hpp>
#include <hinomi/publish/source.hpp>

#include <map>
#include <memory>
#include <span>
#include <string>

namespace hinomi::stix {
struct Object;
}

namespace hinomi::publish {

class Shelf final : public PublishedSource {
 public:
  // `producer`: the centre's name. `blinding_key`: 16 bytes or more of the centre's own, see stix::blinded_origin.
  static base::Result<std::unique_ptr<Shelf>> open(base::fs::path file, std::string producer, base::Bytes blinding_key);

  // Puts the indicator's object out if its state is `published` and it says something new; returns whether it did. New is:
  // not there yet, or another value, confidence, level, validity, tag or rule than in its last version, or twice the
  // evidence. Replaying what was put before changes nothing. The first one brings along the objects it refers to.
  base::Result<bool> put(const model::Indicator& indicator, std::span<const model::RuleRef> rules);

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::vector<ObjectPointer> after(const access::Principal& who, std::int64_t after,
                                                 std::size_t count) const override;
  [[nodiscard]] std::vector<ObjectPointer> versions(const access::Principal& who, std::string_view id) const override;

 private:
  Shelf(base::fs::path file, std::string producer, base::Bytes blinding_key)
      : file_(std::move(file)), producer_(std::move(producer)), blinding_key_(std::move(blinding_key)) {}
  base::Status load() HINOMI_REQUIRES(mutex_);
  base::Status append(std::vector<PublishedObject> objects) HINOMI_REQUIRES(mutex_);
  void take(PublishedObject object) HINOMI_REQUIRES(mutex_);

  const base::fs::path file_;
  const std::string producer_;
  const base::Bytes blinding_key_;
  mutable base::Mutex mutex_;
  base::Descriptor descriptor_ HINOMI_GUARDED_BY(mutex_);
  std::uint64_t length_ HINOMI_GUARDED_BY(mutex_) = 0;
  bool broken_ HINOMI_GUARDED_BY(mutex_) = false;  // a write failed and could not be undone
  std::vector<ObjectPointer> objects_ HINOMI_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<ObjectPointer>, std::less<>> versions_ HINOMI_GUARDED_BY(mutex_);
};

}  // namespace hinomi::publish

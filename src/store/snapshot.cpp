// One log's rows as canonical texts, all from the same committed state.
#include <hinomi/store/inside/tables.hpp>

#include <hinomi/base/escape.hpp>

#include <fmt/core.h>

namespace hinomi::store {
namespace {

using inside::Connection;
using inside::Rows;

class TextStream final : public Snapshot::Stream {
 public:
  explicit TextStream(Rows rows) : rows_(std::move(rows)) {}
  base::Result<std::optional<std::string>> next() override {
    if (!TRY(rows_.next())) return std::optional<std::string>();
    return std::string(rows_.text(0));
  }

 private:
  Rows rows_;
};

class EventStream final : public Snapshot::Stream {
 public:
  explicit EventStream(Rows rows) : rows_(std::move(rows)) {}
  base::Result<std::optional<std::string>> next() override {
    if (!TRY(rows_.next())) return std::optional<std::string>();
    return model::to_json(TRY(inside::read_event(rows_)));
  }

 private:
  Rows rows_;
};

class DuckSnapshot final : public Snapshot {
 public:
  DuckSnapshot(Connection connection, std::string organisation)
      : connection_(std::move(connection)), organisation_(std::move(organisation)) {}

  base::Status begin(const std::string& log) {
    TRY_VOID(connection_.run("BEGIN"));  // the state is fixed by the first question
    auto statement = TRY(connection_.prepare("SELECT next FROM corridor WHERE log = ?"));
    auto rows = TRY(statement.text(log).run());
    if (TRY(rows.next())) next_ = rows.number(0);
    return {};
  }
  [[nodiscard]] std::uint64_t next_entry() const override { return next_; }
  base::Result<std::unique_ptr<Stream>> events() override {
    const std::string columns = inside::event_columns();
    return std::make_unique<EventStream>(
        TRY(ask(fmt::format("SELECT {} FROM events WHERE organisation = ? ORDER BY entry, sequence", columns))));
  }
  base::Result<std::unique_ptr<Stream>> findings() override {
    return std::make_unique<TextStream>(
        TRY(ask("SELECT json FROM findings WHERE organisation = ? ORDER BY received_time, id")));
  }
  base::Result<std::unique_ptr<Stream>> indicators() override {
    return std::make_unique<TextStream>(
        TRY(ask("SELECT json FROM indicators WHERE organisation = ? ORDER BY created, id")));
  }

 private:
  base::Result<Rows> ask(const std::string& sql) {
    auto statement = TRY(connection_.prepare(sql));
    return statement.text(organisation_).stream();
  }
  Connection connection_;
  std::string organisation_;
  std::uint64_t next_ = 0;
};

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else out += c;
  }
  out += '"';
}

}  // namespace

base::Result<std::unique_ptr<Snapshot>> Store::snapshot(const model::OrganisationId& organisation,
                                                        const std::string& log) const {
  const auto opened = TRY(database());
  auto out = std::make_unique<DuckSnapshot>(TRY(opened->connect()), organisation.text());
  TRY_VOID(out->begin(log));
  return out;
}

std::string to_json(const Host& host) {
  std::string out = "{";
  const auto text = [&](std::string_view name, std::string_view value) {
    if (out.size() > 1) out += ',';
    append_quoted(out, name);
    out += ':';
    append_quoted(out, base::escape_for_display(value));
  };
  text("host", host.host.text());
  text("host_name", host.host_name);
  text("organisation", host.organisation.text());
  text("system", host.system.text());
  text("sensor", host.sensor.text());
  text("operating_system", host.operating_system);
  text("kernel", host.kernel);
  text("first_seen", host.first_seen.rfc3339());
  text("last_seen", host.last_seen.rfc3339());
  out += fmt::format(",\"events\":{},\"findings\":{},\"lost\":{}", host.events, host.findings, host.lost);
  text("sensor_version", host.sensor_version);
  out += ",\"hooks\":[";
  for (std::size_t i = 0; i < host.hooks.size(); ++i) {
    if (i > 0) out += ',';
    append_quoted(out, base::escape_for_display(host.hooks[i]));
  }
  return out + "]}";
}

}  // namespace hinomi::store

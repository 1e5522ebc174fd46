// The centre's own keys: made at first start, mode 0600, never changed.
// Owns: nothing. Threads: free functions. Fails: Errc::io, Errc::corrupt, Errc::forbidden if others may read a secret key.
#pragma once

#include <hinomi/access/certificate_authority.hpp>
#include <hinomi/base/file.hpp>
#include <hinomi/base/random.hpp>
#include <hinomi/proof/key.hpp>

namespace hinomi::centre {

// keys/evidence.key: signs the checkpoints of all evidence logs.
base::Result<proof::SigningKey> open_signing_key(const base::fs::path& folder, const std::string& name,
                                                 base::Random& random);
// keys/<name>: so many random bytes, for MACs and blinding.
base::Result<base::Bytes> open_secret(const base::fs::path& folder, const std::string& name, std::size_t size,
                                      base::Random& random);
// keys/server.pem, server.key: good for all of `names`; made anew when names or authority change, or 30 days before its end.
base::Result<access::ServerCertificate> open_server_certificate(const base::fs::path& folder,
                                                                const access::CertificateAuthority& authority,
                                                                const std::vector<std::string>& names, base::Time now);

}  // namespace hinomi::centre

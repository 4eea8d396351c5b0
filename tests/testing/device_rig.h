// The devices that keep one contract: in memory, on SoftHSM, on NSS.
#pragma once

#include <memory>
#include <string>

#include "strongroom/hsm/device.h"
#include "strongroom/hsm_pkcs11/pkcs11_device.h"

namespace strongroom::testing {

// DeviceRig is a token, and a way to open (and open again) a device on it.
// A device must be closed before the next is opened.
class DeviceRig {
 public:
  virtual ~DeviceRig() = default;
  // Open ends the test program if the device does not open.
  virtual std::unique_ptr<hsm::Device> Open(int workers = 2,
                                            size_t queue_limit = 4096) = 0;
  // For the rest a device is open, and not at work.
  // AddForeign puts an object there that is not ours.
  virtual void AddForeign(ByteView id, std::string_view label) = 0;
  // RemoveBehindTheBack takes an object away as another program would.
  virtual void RemoveBehindTheBack(const Uuid& id) = 0;
  // CountNameless counts objects with neither id nor label: orphans.
  virtual size_t CountNameless() = 0;
};

// MakeRig knows "fake", "softhsm" and "nss".
std::unique_ptr<DeviceRig> MakeRig(const std::string& name);

// OpenOrDie opens a device on the system's clock, without metrics.
std::unique_ptr<hsm::Device> OpenOrDie(const hsm::Pkcs11Options& options);

}  // namespace strongroom::testing

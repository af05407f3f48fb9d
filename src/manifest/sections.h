// The manifest's own sections.
#pragma once

#include "manifest/schema.h"

namespace berth::manifest {

extern const Section kRootSection;
extern const Section kWorkloadSection;
extern const Section kInstancesSection;
extern const Section kLimitsSection;
extern const Section kUpdateSection;
extern const Section kCanarySection;
extern const Section kShadowSection;
extern const Section kRollbackSection;
extern const Section kSignatureSection;
extern const Section kTelemetrySection;
extern const Section kLogSection;
extern const Section kControlSection;
extern const Section kStoreSection;
extern const Section kRegistriesSection;
extern const Section kRegistrySection;

}  // namespace berth::manifest

/** The description of an FMU of FMI 3.0 with arrays and types that FMI 2.0 has not. */
export const arraysDescription = `<?xml version="1.0" encoding="UTF-8"?>
<fmiModelDescription fmiVersion="3.0" modelName="arrays" instantiationToken="{a}">
  <CoSimulation modelIdentifier="arrays" canHandleVariableCommunicationStepSize="true" canGetAndSetFMUState="true"/>
  <TypeDefinitions>
    <EnumerationType name="Mode"><Item name="slow" value="3"/><Item name="fast" value="7"/></EnumerationType>
  </TypeDefinitions>
  <ModelVariables>
    <UInt64 name="n" valueReference="0" causality="structuralParameter" variability="fixed" start="3"/>
    <Float64 name="q" valueReference="1" causality="input" start="0">
      <Dimension valueReference="0"/><Dimension start="2"/>
    </Float64>
    <Float64 name="doubled" valueReference="2" causality="output"><Dimension start="6"/></Float64>
    <Float32 name="single" valueReference="3" causality="output"/>
    <Int8 name="small" valueReference="4" causality="output"/>
    <UInt8 name="byte" valueReference="5" causality="input" start="0"/>
    <Int64 name="big" valueReference="6" causality="input" start="0"/>
    <UInt64 name="limit" valueReference="7" causality="parameter" start="0 0"><Dimension start="2"/></UInt64>
    <Boolean name="flags" valueReference="8" causality="parameter" start="false false"><Dimension start="2"/></Boolean>
    <String name="names" valueReference="9" causality="parameter">
      <Dimension start="2"/><Start value=""/><Start value=""/>
    </String>
    <Binary name="blob" valueReference="10" causality="input"><Start value=""/></Binary>
    <Binary name="bytes" valueReference="11" causality="output"/>
    <Enumeration name="mode" valueReference="12" causality="parameter" variability="tunable" declaredType="Mode" start="3"/>
  </ModelVariables>
  <ModelStructure>
    <Output valueReference="2"/><Output valueReference="3"/><Output valueReference="4"/><Output valueReference="11"/>
  </ModelStructure>
</fmiModelDescription>
`;

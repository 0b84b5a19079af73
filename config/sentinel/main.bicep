// For those who deploy with Bicep. Takes template.json in as it is, so that there is one description of the table.

@description('Log Analytics workspace that Sentinel runs on, in this resource group.')
param workspaceName string

@description('Region of that workspace: endpoint and rule must be in the same.')
param location string = resourceGroup().location

@description('Object id of alertferry\'s service principal (Enterprise applications), not of its app registration.')
param principalId string

@description('Table to create; must end with _CL.')
param tableName string = 'DefenderAlerts_CL'

@description('Data collection endpoint to create.')
param endpointName string = 'dce-alertferry'

@description('Data collection rule to create.')
param ruleName string = 'dcr-alertferry'

@description('Disabled: the endpoint is reached over a private link only.')
@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string = 'Enabled'

module alertferry 'template.json' = {
  name: 'alertferry'
  params: {
    workspaceName: workspaceName
    location: location
    principalId: principalId
    tableName: tableName
    endpointName: endpointName
    ruleName: ruleName
    publicNetworkAccess: publicNetworkAccess
  }
}

output endpoint string = alertferry.outputs.endpoint
output ruleId string = alertferry.outputs.ruleId
output stream string = alertferry.outputs.stream
